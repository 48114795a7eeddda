import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { EXIT, PlumpError } from '../errors.ts'

/**
 * Signatures by `ssh-keygen -Y` (PROTOCOL.sshsig in OpenSSH): the keys people have already, no tool of our own. The namespace keeps a
 * signature for one purpose from serving another.
 */
const NAMESPACE = 'plump'
const LIMIT_MS = 120_000

/** Where the signature of a file lies. */
export function signatureFile(file: string): string {
  return `${file}.sig`
}

/** Who is trusted to sign when no key is named: `$XDG_CONFIG_HOME/plump/allowed_signers`, as ssh-keygen(1) describes such a file. */
export function allowedSignersFile(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'plump', 'allowed_signers')
}

/** Makes sure that signing can work before an hour of building: the key is there and is one. Throws SIGN_KEY. */
export async function checkSigningKey(key: string): Promise<void> {
  const text = await readFile(key, 'utf8').catch((error: unknown) => {
    throw new PlumpError('SIGN_KEY', `the key ${key} cannot be read`, { fix: 'name your private ssh key, as in --sign ~/.ssh/id_ed25519', exitCode: EXIT.usage, cause: error })
  })
  if (/PRIVATE KEY|^(ssh-|ecdsa-|sk-)/m.test(text)) return
  throw new PlumpError('SIGN_KEY', `${key} is no ssh key`, { fix: 'name your private ssh key, or the public one of a key the ssh agent holds', exitCode: EXIT.usage })
}

/**
 * Signs files; each signature goes to FILE.sig. ssh-keygen asks for the key's passphrase on the terminal where it needs one, once for all. Throws SIGN.
 */
export async function signFiles(files: readonly string[], key: string): Promise<void> {
  // It would ask whether to replace one.
  for (const file of files) await rm(signatureFile(file), { force: true })
  const result = await execa('ssh-keygen', ['-Y', 'sign', '-q', '-f', key, '-n', NAMESPACE, ...files], { stdin: 'inherit', stderr: ['pipe', 'inherit'], reject: false, timeout: LIMIT_MS })
  if (result.failed) throw sshError('SIGN', `${files.join(', ')} could not be signed`, result, `try the key by itself: ssh-keygen -y -f ${key}`)
}

export interface Verified {
  /** Who signed it: the name in the file of allowed signers, or the key's own comment. */
  signer: string
  /** As `ssh-keygen -l` shows it: `ED25519 key SHA256:…`. */
  key: string
}

/**
 * Checks FILE.sig against a file of allowed signers, or against one public key (`signers` is a file of either kind). Throws SIGNATURE (exit
 * code 1) unless the file is, to the byte, what one of them signed.
 */
export async function verifyFile(file: string, signers: string): Promise<Verified> {
  const signature = signatureFile(file)
  if (!(await stat(signature).catch(() => undefined))) {
    throw new PlumpError('SIGNATURE', `${file} is not signed: there is no ${signature}`, { fix: 'sign it when building: ./plump build --sign ~/.ssh/id_ed25519' })
  }
  const allowed = await allowedSigners(signers)
  const found = await execa('ssh-keygen', ['-Y', 'find-principals', '-s', signature, '-f', allowed.file], { reject: false, timeout: LIMIT_MS })
  const signer = typeof found.stdout === 'string' ? found.stdout.split('\n')[0]?.trim() : undefined
  try {
    if (found.failed || signer === undefined || signer === '') {
      throw sshError('SIGNATURE', `${file} is signed, but by nobody named in ${signers}`, found, `add the signer's public key there, or name it: ./plump inspect ${file} --verify KEY.pub`)
    }
    const verified = await execa('ssh-keygen', ['-Y', 'verify', '-f', allowed.file, '-I', signer, '-n', NAMESPACE, '-s', signature], { inputFile: file, reject: false, timeout: LIMIT_MS })
    if (verified.failed) throw sshError('SIGNATURE', `${file} is NOT what ${signer} signed`, verified, 'fetch the ISO and its .sig again, from where you trust')
    return { signer, key: / with (.*)$/m.exec(verified.stdout)?.[1] ?? '' }
  } finally {
    await allowed.remove()
  }
}

/** A file of allowed signers as it is, or one made for a single public key. */
async function allowedSigners(signers: string): Promise<{ file: string; remove: () => Promise<void> }> {
  const text = await readFile(signers, 'utf8').catch((error: unknown) => {
    throw new PlumpError('SIGNERS', `${signers}, which says whose signature counts, cannot be read`, {
      fix: './plump inspect ISO --verify KEY.pub, with the public key of whoever signed it; or make that file (ssh-keygen(1), ALLOWED SIGNERS)', exitCode: EXIT.usage, cause: error,
    })
  })
  const [type = '', key = '', ...comment] = text.trim().split(/\s+/)
  if (!/^(ssh-|ecdsa-|sk-)/.test(type) || text.trim().includes('\n')) return { file: signers, remove: () => Promise.resolve() }
  const folder = await mkdtemp(join(tmpdir(), 'plump-signers-'))
  // A name in this file ends at a blank or comma and may have patterns in it.
  const name = comment.join('_').replaceAll(/[^\w.@+-]/g, '_') || 'key'
  await writeFile(join(folder, 'allowed_signers'), `${name} ${type} ${key}\n`)
  return { file: join(folder, 'allowed_signers'), remove: () => rm(folder, { recursive: true, force: true }) }
}

function sshError(code: string, what: string, result: { code?: string | undefined; stderr?: unknown; stdout?: unknown }, fix: string): PlumpError {
  if (result.code === 'ENOENT') return new PlumpError('TOOL_MISSING', 'ssh-keygen not found; it makes and checks signatures', { fix: './plump doctor --fix', exitCode: EXIT.toolMissing })
  const told = [result.stderr, result.stdout].map((text) => (typeof text === 'string' ? text.trim() : '')).filter((text) => text !== '').join('\n')
  return new PlumpError(code, `${what}${told === '' ? '' : `\n${told}`}`, { fix })
}
