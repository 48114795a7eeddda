import type { MachineConfig } from './options.ts'

/** Root ports that are kept free for network cards plugged in later. */
export const HOTPLUG_PORTS = ['hot0', 'hot1', 'hot2', 'hot3'] as const

/** The drive or stick that a node boots from. */
export const MEDIUM_DEVICE = 'boot-medium'

/** A network card as the machine has it. */
export interface MachineNic {
  /** Device name inside QEMU, as in `nic0`. */
  id: string
  model: string
  mac: string
  /** The tap that is the other end of its wire. */
  tap: string
}

/** Sockets and files of one machine, all in its own folder. */
export interface MachineFiles {
  qmp: string
  exec: string
  serial: string
  serialLog: string
  /** Firmware flash, for uefi and secureboot: read-only code and this machine's own copy of the variables. */
  flash?: { code: string; variables: string }
}

/**
 * The arguments of qemu-system-x86_64 for one node. The machine starts paused (`-S`), so that links can be set before
 * the guest looks at them.
 */
export function qemuArguments(config: MachineConfig, nics: readonly MachineNic[], files: MachineFiles, accelerator: 'kvm' | 'tcg'): string[] {
  return [
    '-no-user-config', '-nodefaults', '-S',
    ...machine(config, files, accelerator),
    ...channels(files),
    ...medium(config),
    ...(config.disk === undefined ? [] : ['-drive', `if=none,id=disk,format=raw,file=${escape(config.disk)}`, '-device', 'virtio-blk-pci,drive=disk']),
    '-device', 'qemu-xhci,id=xhci',
    ...HOTPLUG_PORTS.flatMap((id, index) => ['-device', `pcie-root-port,id=${id},chassis=${index + 1},slot=${index + 1}`]),
    ...nics.flatMap((nic, index) => [
      '-netdev', `tap,id=${nic.id}-wire,ifname=${nic.tap},script=no,downscript=no`,
      '-device', config.medium.kind === 'network' && index === 0 ? bootNicDevice(nic, config.firmware) : nicDevice(nic),
    ]),
  ]
}

/** The `-device` text of a card; USB cards go to the xHCI controller, PCI cards get no boot ROM (it costs seconds of firmware time). */
function nicDevice(nic: MachineNic): string {
  const common = `${nic.model},id=${nic.id},netdev=${nic.id}-wire,mac=${nic.mac}`
  return isUsb(nic.model) ? `${common},bus=xhci.0` : `${common},romfile=`
}

/**
 * The card a machine starts from. BIOS boots by the card's own ROM; UEFI has a driver for virtio itself and needs the ROM for the others, whose
 * boot loader (iPXE) it then passes over for its own.
 */
function bootNicDevice(nic: MachineNic, firmware: MachineConfig['firmware']): string {
  const rom = firmware !== 'bios' && nic.model.startsWith('virtio') ? ',romfile=' : ''
  return `${nic.model},id=${nic.id},netdev=${nic.id}-wire,mac=${nic.mac}${isUsb(nic.model) ? ',bus=xhci.0' : rom},bootindex=0`
}

/** The same card as the arguments of QMP `device_add`, for plugging it into a running machine; `port` is one of {@link HOTPLUG_PORTS}. */
export function nicDeviceAdd(nic: MachineNic, port: string): Record<string, unknown> {
  const common = { driver: nic.model, id: nic.id, netdev: `${nic.id}-wire`, mac: nic.mac }
  return isUsb(nic.model) ? { ...common, bus: 'xhci.0' } : { ...common, bus: port, romfile: '' }
}

/** Whether a model sits on USB and not on PCI. */
export function isUsb(model: string): boolean {
  return model.startsWith('usb-')
}

/** Without ERMS the kernel does not copy by `rep movsb`, which QEMU emulates slowly: a pipe of 64 MB took 0.2 s instead of 0.5 s. */
const EMULATED_CPU = 'max,-erms'

function machine(config: MachineConfig, files: MachineFiles, accelerator: 'kvm' | 'tcg'): string[] {
  const secure = config.firmware === 'secureboot'
  return [
    '-machine', `q35,smm=${secure ? 'on' : 'off'}`,
    '-accel', accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi',
    '-cpu', config.cpu ?? (accelerator === 'kvm' ? 'host' : EMULATED_CPU),
    '-smp', String(config.cpus),
    '-m', String(config.memoryMiB), ...(config.preallocated === true ? ['-mem-prealloc'] : []),
    ...(config.clock === undefined ? [] : ['-rtc', `base=${config.clock}`]),
    '-display', 'none', '-vga', 'std',
    ...(secure ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
    ...(files.flash === undefined ? [] : [
      '-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${escape(files.flash.code)}`,
      '-drive', `if=pflash,unit=1,format=raw,file=${escape(files.flash.variables)}`,
    ]),
    // Of its ways to boot over a network OVMF leaves out PXE and is left with HTTP (OvmfPkg/README, "IPv4PXESupport").
    ...(config.firmware === 'uefi-http' ? ['4', '6'].flatMap((version) => ['-fw_cfg', `name=opt/org.tianocore/IPv${version}PXESupport,string=n`]) : []),
    '-device', 'virtio-rng-pci',
  ]
}

/** Control (QMP), serial console (a file and a socket at once) and the port of `lab exec`. */
function channels(files: MachineFiles): string[] {
  return [
    '-chardev', `socket,id=qmp,path=${escape(files.qmp)},server=on,wait=off`,
    '-mon', 'chardev=qmp,mode=control',
    '-chardev', `socket,id=serial,path=${escape(files.serial)},server=on,wait=off,logfile=${escape(files.serialLog)},logappend=on`,
    '-serial', 'chardev:serial',
    '-chardev', `socket,id=exec,path=${escape(files.exec)},server=on,wait=off`,
    '-device', 'virtio-serial-pci',
    '-device', 'virtserialport,chardev=exec,name=org.plump.lab',
  ]
}

function medium(config: MachineConfig): string[] {
  const { medium: boot } = config
  switch (boot.kind) {
    case 'cd':
      return ['-drive', `if=none,id=medium,media=cdrom,readonly=on,format=raw,file=${escape(boot.iso)}`, '-device', `ide-cd,id=${MEDIUM_DEVICE},drive=medium,bus=ide.0,bootindex=0`]
    case 'disk':
      // A stick can be written to; snapshot=on sends what the guest writes to a file that is deleted as soon as it is open.
      return [
        '-drive', `if=none,id=medium,snapshot=on,format=raw,file=${escape(boot.iso)}`,
        '-device', 'qemu-xhci,id=stick-port', '-device', `usb-storage,id=${MEDIUM_DEVICE},drive=medium,bus=stick-port.0,removable=on,bootindex=0`,
      ]
    case 'network':
      return []
    case 'kernel':
      return [
        '-kernel', boot.kernel, '-initrd', boot.initrd, '-append', boot.append,
        ...(boot.iso === undefined ? [] : [
          '-drive', `if=none,id=medium,readonly=on,format=raw,file=${escape(boot.iso)}`, '-device', 'virtio-blk-pci,drive=medium',
        ]),
      ]
  }
}

/** QEMU's option syntax doubles a comma that belongs to a value. */
function escape(value: string): string {
  return value.replaceAll(',', ',,')
}
