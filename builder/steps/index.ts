import type { Step } from '../pipeline/step.ts'
import { agentBundle } from './agent-bundle.ts'
import { bootMenu } from './boot-menu.ts'
import { checkRoot } from './check-root.ts'
import { chosenPackages } from './chosen-packages.ts'
import { contents } from './contents.ts'
import { esp } from './esp.ts'
import { fetchPackages } from './fetch-packages.ts'
import { firmware } from './firmware.ts'
import { firmwareWishes } from './firmware-wishes.ts'
import { initramfs } from './initramfs.ts'
import { iso } from './iso.ts'
import { kernel } from './kernel.ts'
import { licences } from './licences.ts'
import { modulesSquashfs } from './modules-squashfs.ts'
import { netboot } from './netboot.ts'
import { netbootLoaders } from './netboot-loaders.ts'
import { nicModules } from './nic-modules.ts'
import { nodeRuntime } from './node-runtime.ts'
import { overlay } from './overlay.ts'
import { packages } from './packages.ts'
import { record } from './record.ts'
import { resolvePackages } from './resolve-packages.ts'
import { rootSquashfs } from './root-squashfs.ts'
import { unpackRoot } from './unpack-root.ts'
import { weighRoot } from './weigh-root.ts'

/**
 * The build of an image with these kernels, as one recipe: what it does, in the order in which it reads best; the needs of the steps decide
 * what waits for what.
 */
export function recipe(kernels: readonly string[]): readonly Step[] {
  return [
    resolvePackages,
    fetchPackages,
    unpackRoot,
    chosenPackages,
    overlay,
    nodeRuntime,
    checkRoot,
    packages,
    agentBundle,
    ...kernels.flatMap((name) => [kernel(name), nicModules(name), modulesSquashfs(name), initramfs(name)]),
    firmwareWishes,
    firmware,
    rootSquashfs,
    contents,
    netbootLoaders,
    bootMenu,
    esp,
    iso,
    netboot,
    licences,
    weighRoot,
    record,
  ]
}
