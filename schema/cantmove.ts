import * as z from 'zod'

/** Every reason for which a job may not leave its node; the codes are stable, `mps`, `plump job ls` and /hpc show them. docs/guide/jobs.md has the table. */
export const CANTMOVE = {
  'locked': 'Its owner or an administrator locked it to this node.',
  'io_uring': 'It uses an io_uring, whose work in the kernel cannot be taken along.',
  'device': 'It has a device open, which is part of this node.',
  'tcp': 'It has a TCP connection, and the other end knows this node\'s address.',
  'listening': 'It serves a network port at this node\'s address.',
  'socket': 'It is connected through a socket with a program outside the job.',
  'pipe': 'It holds a pipe whose other end is a program outside the job.',
  'traced': 'A debugger traces one of its processes.',
  'namespace': 'One of its processes made a namespace of its own.',
  'mount': 'One of its processes mounted a file system.',
  'deleted-file': 'It has a deleted file open that is too large to take along.',
  'foreign-lock': 'A program outside the job holds a lock on a file that the job locked too.',
  'cpu': 'The other node\'s processor lacks something that the job may use.',
  'memory': 'The other node has too little free memory.',
  'other': 'The kernel has state of it that cannot be taken along; the text says what.',
} as const
export type CantMoveCode = keyof typeof CANTMOVE

export const cantMoveCodeSchema = z.enum(Object.keys(CANTMOVE) as [CantMoveCode, ...CantMoveCode[]])

/** Why a job cannot move, as a program may read it. */
export const cantMoveSchema = z.object({
  code: cantMoveCodeSchema,
  /** What exactly: the file, the device, the flag … */
  detail: z.string().max(1_000),
  /** The process it is about, as the node numbers it. */
  pid: z.number().int().positive().optional(),
})
export type CantMove = z.output<typeof cantMoveSchema>
