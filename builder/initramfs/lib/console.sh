# What people see: stage lines on every console, and the failure screen.

is_mounted() {
	grep -q " $1 " /proc/mounts 2>/dev/null
}

# busybox's shell finds its own applets by /proc/self/exe, so the first ones need their full name.
mount_kernel_file_systems() {
	[ ! -d /proc/self ] || return
	/bin/busybox mkdir -p /proc /sys /dev /run /sysroot
	/bin/busybox mount -t proc -o nosuid,nodev,noexec proc /proc
	mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
	mount -t devtmpfs -o nosuid,mode=755 devtmpfs /dev
	mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
	mkdir -p /run/plump/medium /run/plump/ram /run/plump/lower /run/plump/upper
}

read_command_line() {
	image='' check='' to_ram='' key='' want_shell='' debug=''
	read -r words </proc/cmdline
	for word in $words; do
		case $word in
		plump.image=*) image=${word#*=} ;;
		plump.key=*) key=${word#*=} ;;
		plump.check) check=yes ;;
		plump.toram) to_ram=yes ;;
		plump.shell) want_shell=yes ;;
		plump.debug) debug=yes ;;
		esac
	done
}

# The consoles the kernel writes to, `tty0 ttyS0` for one; a serial port that is not there is not among them.
find_consoles() {
	read -r consoles </sys/class/tty/console/active
	echo 4 >/proc/sys/kernel/printk
}

say() {
	for console in $consoles; do echo "$*" >"/dev/$console"; done
}

# $up: seconds since the kernel started, with two decimals; $seconds: whole ones.
read_uptime() {
	read -r up _ </proc/uptime
	seconds=${up%.*}
}

# stage NAME [KEY=VALUE…]
stage() {
	read_uptime
	name=$1
	shift
	say "plump: $name t=$up${*:+ $*}"
}

firmware_kind() {
	if [ ! -d /sys/firmware/efi ]; then
		echo bios
	elif dmesg | grep -qi 'secure boot enabled'; then
		echo secureboot
	else
		echo uefi
	fi
}

# failure WHAT: fills the screen with what happened and what the machine has, offers a shell, then begins anew. $wanted and $hint say what
# would help.
failure() {
	say "$(printf '\033[2J\033[H\033[1mPlump cannot start: %s\033[0m' "$1")"
	say ''
	row 'looked for' "a medium ${image:+with image id $image }that can be read"
	row 'where' 'CDs, USB sticks and disks with ISO 9660 or FAT, /medium in the initrd'
	row 'disks seen' "$(describe_disks)"
	row 'kernel' "$(uname -r)"
	row 'arguments' "$(sed 's/plump.key=[^ ]*/plump.key=.../' /proc/cmdline)"
	row 'fix' "$hint"
	say ''
	say "plump: waiting for $wanted; $hint"
	say ''
	shell_on_consoles 'A shell of the initramfs; exit tries again.'
	begin_anew
}

# row LABEL TEXT: TEXT folded beside its label.
row() {
	say "$(printf '%s\n' "$2" | fold -s -w 62 | { read -r first; printf '  %-12s%s\n' "$1" "$first"; sed 's/^/              /'; })"
}

# A shell on every console; the first that ends ends the others.
shell_on_consoles() {
	say "$1"
	shells=''
	for console in $consoles; do
		[ "$console" != tty0 ] || console=tty1
		setsid sh -c "exec sh -i <'/dev/$console' >'/dev/$console' 2>&1" &
		shells="$shells $!"
	done
	while :; do
		for shell in $shells; do
			[ -d "/proc/$shell" ] || break 2
		done
		! medium_came || break
		sleep 0.5
	done
	for shell in $shells; do kill -HUP "$shell"; done 2>/dev/null
	wait
}

begin_anew() {
	for folder in /sysroot/usr/lib/modules/* /sysroot/usr/lib/firmware /sysroot /run/plump/upper /run/plump/lower /run/plump/ram /run/plump/medium; do
		! is_mounted "$folder" || umount "$folder"
	done
	exec /init
}
