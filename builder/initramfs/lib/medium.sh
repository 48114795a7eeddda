# Finding the medium, and trusting it.

MEDIUM=/run/plump/medium
LIMIT_SECONDS=30
FIRST_NOTE_SECONDS=8
# What a node needs to run besides its files (docs/guide/nodes.md: 192 MB in all).
ROOM_MIB=160

# Returns when the medium is mounted on $MEDIUM. After 30 s without one it shows why, and goes on looking: a stick may be plugged in late.
wait_for_medium() {
	wanted="the medium${image:+ with image id $image}"
	hint='plug in the USB stick or insert the CD this machine was started from'
	noted=''
	rejected=' '
	read_uptime
	began=$seconds
	until find_medium; do
		read_uptime
		waited=$((seconds - began))
		if [ "$waited" -ge "$LIMIT_SECONDS" ]; then
			looking_for_medium=yes
			failure "no medium found in $LIMIT_SECONDS seconds"
		elif [ "$waited" -ge "$FIRST_NOTE_SECONDS" ] && [ -z "$noted" ]; then
			noted=yes
			say "plump: waiting for $wanted; $hint"
		fi
		sleep 0.1
	done
}

# While the failure screen waits for a medium: has it come?
medium_came() {
	[ -n "$looking_for_medium" ] && find_medium && looking_for_medium=''
}

# Partitions before the disk they are on: whoever mounts a whole disk claims it, and then nobody can mount a partition PLUMPDATA of it. The ISO
# is a file system both from the start of the disk and from that of its first partition.
find_medium() {
	medium_in_initrd && return
	coldplug
	whole=''
	for device in /sys/class/block/*; do
		device=${device##*/}
		case $device in loop* | ram* | zram* | fd* | dm-* | md*) continue ;; esac
		if [ -e "/sys/class/block/$device/${device}1" ] || [ -e "/sys/class/block/$device/${device}p1" ]; then
			whole="$whole $device"
		else
			look_at "$device" && return
		fi
	done
	for device in $whole; do look_at "$device" && return; done
	return 1
}

look_at() {
	read -r sectors <"/sys/class/block/$1/size"
	[ "$sectors" -gt 0 ] || return
	case $rejected in *" $1:$sectors "*) return 1 ;; esac
	try_medium "/dev/$1" && return
	# A drive whose disc is changed keeps its name and perhaps its size: discs are looked at each time.
	case $1 in sr*) ;; *) rejected="$rejected $1:$sectors " ;; esac
	return 1
}

# Netboot: the files came inside the initrd. switch_root empties the initramfs, so they move to a file system of their own, file by file, for
# there is not room for two copies of everything. A ramfs, which is never swapped out: these files are compressed, and swap in zram would
# gain nothing by them and cost a read of the root two decompressions.
medium_in_initrd() {
	is_medium /medium || return
	in_initrd=yes
	mount -t ramfs -o mode=700 ramfs "$MEDIUM"
	(cd /medium && find . -type f) | while read -r file; do
		mkdir -p "$MEDIUM/${file%/*}" && mv "/medium/$file" "$MEDIUM/$file"
	done
}

# For root alone, whatever the medium says: the cluster key may be on it.
try_medium() {
	case $(dd if="$1" bs=1 skip=32769 count=5 2>/dev/null) in
	CD001) mount -t iso9660 -o ro,overriderockperm,mode=0400,dmode=0500 "$1" "$MEDIUM" 2>/dev/null || return ;;
	*)
		dd if="$1" bs=512 count=1 2>/dev/null | grep -q 'FAT' || return
		mount -t vfat -o ro,umask=077 "$1" "$MEDIUM" 2>/dev/null || return
		;;
	esac
	is_medium "$MEDIUM" && return
	umount "$MEDIUM"
	return 1
}

is_medium() {
	[ -f "$1/plump/image-id" ] && read -r id <"$1/plump/image-id" && [ -z "$image" -o "$id" = "$image" ]
}

# One line a disk: its name, size and model.
describe_disks() {
	found=''
	for device in /sys/class/block/*; do
		device=${device##*/}
		case $device in loop* | ram* | zram*) continue ;; esac
		found=yes
		read -r sectors <"/sys/class/block/$device/size"
		model=''
		[ ! -r "/sys/class/block/$device/device/model" ] || read -r model <"/sys/class/block/$device/device/model"
		# An empty drive claims the size of a full disc.
		case $device in sr*) size='disc drive' ;; *) size="$((sectors / 2048)) MB" ;; esac
		echo "$device, $size${model:+, $model}"
	done
	[ -n "$found" ] || echo 'none: nothing is plugged in, or there is no driver for its controller'
}

# The manifest's lines are `SHA256  SIZE  PATH`. Always compares sizes and reads the last block of what the node runs from, which finds a
# download or a copy that was cut short; with plump.check reads and hashes everything. What came over the network is hashed always: nothing
# else has checked it, and it is in memory already.
check_medium() {
	wanted='a medium without damage'
	hint='compare the SHA-256 of the ISO, then write it to the stick or burn it again'
	while read -r sum size path; do
		[ -f "$MEDIUM/$path" ] || continue
		# A damaged add-on package stops no boot: who unpacks it tells of it.
		case $path in packages/*) [ -n "$check" ] || continue ;; esac
		problem="the medium is damaged: $path"
		[ "$(stat -c %s "$MEDIUM/$path")" = "$size" ] || return
		if [ -n "$check$in_initrd" ]; then
			[ -z "$check" ] || say "plump: checking $path"
			[ "$(sha256sum "$MEDIUM/$path")" = "$sum  $MEDIUM/$path" ] || return
		else
			dd if="$MEDIUM/$path" of=/dev/null bs=2048 skip=$(((size - 1) / 2048)) count=1 2>/dev/null || return
		fi
	done <"$MEDIUM/plump/manifest"
}

# With plump.toram: copies all but other kernels and the boot loader, then lets the medium go, so that it can be taken out and used for the
# next machine. Where memory is too small for that the medium stays.
copy_to_ram() {
	[ -n "$to_ram" ] && [ -z "$in_initrd" ] || return 0
	problem='the medium cannot be copied to memory'
	wanted='a good medium'
	hint='write the ISO to the stick or burn it again; or start without "copy to RAM"'
	read -r kernel </lib/plump/kernel-name
	read_memory
	needed=$(($(cd "$MEDIUM" && du -ck $(copied_files) | tail -n 1 | cut -f 1) / 1024))
	if [ $((needed + ROOM_MIB)) -gt "$available" ]; then
		say "plump: copy to RAM needs $((needed + ROOM_MIB)) MB of free memory, and there are $available; the medium stays in use"
		return 0
	fi
	say "plump: copying $needed MB to RAM"
	mount -t ramfs -o mode=700 ramfs /run/plump/ram || return
	(
		cd "$MEDIUM" || exit
		find $(copied_files) -type f | while read -r file; do
			mkdir -p "/run/plump/ram/${file%/*}" && cp -p "$file" "/run/plump/ram/$file" || exit
		done
	) || return
	umount "$MEDIUM" && mount -o move /run/plump/ram "$MEDIUM" || return
	say 'plump: the medium is free and can be taken out'
}

# No quotes where it is used: none of these names has a blank.
copied_files() {
	cd "$MEDIUM" || return
	for path in live plump packages "kernels/$kernel/modules.sqfs"; do
		[ ! -e "$path" ] || echo "$path"
	done
}

read_memory() {
	available=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
}
