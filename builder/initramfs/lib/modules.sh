# Drivers: only those whose devices are there. The initramfs has storage, USB and keyboard drivers and nothing else.

load_file_systems() {
	modprobe -a -q loop squashfs overlay isofs
}

# Loads the drivers of all devices that came since the last call. Loading one shows further devices (a controller its disks), so the caller
# comes again. All buses are looked at: virtio and SCSI devices have aliases of their own.
coldplug() {
	find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >/run/plump/aliases
	new=$(grep -vxFf /run/plump/aliases-seen /run/plump/aliases 2>/dev/null || cat /run/plump/aliases)
	mv /run/plump/aliases /run/plump/aliases-seen
	# No quotes: one alias a word; no alias has blanks or characters the shell would expand against files here.
	[ -z "$new" ] || modprobe -a -q -b $new 2>/dev/null
}
