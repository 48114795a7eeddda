# Drivers: only those whose devices are there. The initramfs has storage, USB and keyboard drivers and nothing else.

load_file_systems() {
	modprobe -a -q loop squashfs overlay isofs
}

# Loads the drivers of all devices that came since the last call, and again for the devices that shows (a controller its disks). Every bus
# is looked at: virtio and SCSI devices have aliases of their own.
coldplug() {
	while new_aliases; do
		# No quotes: each alias is a word of its own.
		set -f
		modprobe -a -q -b $new 2>/dev/null
		set +f
	done
}

new_aliases() {
	cat /sys/bus/*/devices/*/modalias 2>/dev/null | sort -u >/run/plump/aliases
	# Not empty, for busybox grep takes an empty file of patterns to match everything.
	[ -e /run/plump/aliases-seen ] || echo none >/run/plump/aliases-seen
	new=$(grep -vxFf /run/plump/aliases-seen /run/plump/aliases)
	mv /run/plump/aliases /run/plump/aliases-seen
	[ -n "$new" ]
}
