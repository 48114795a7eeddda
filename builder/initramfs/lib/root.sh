# The node's root: one squashfs below, a tmpfs above, and what changes from build to build copied in.

# index and nfs_export are what lets other nodes mount this root by NFS; they need one lower layer only.
mount_root() {
	problem='the root file system cannot be mounted'
	wanted='a root file system that can be mounted'
	hint='write the ISO to the stick or burn it again; if it stays, test the memory'
	mount -t squashfs -o ro,loop "$MEDIUM/live/root.sqfs" /run/plump/lower || return
	mount -t tmpfs -o mode=755,size=50% tmpfs /run/plump/upper || return
	mkdir /run/plump/upper/data /run/plump/upper/work
	mount -t overlay -o lowerdir=/run/plump/lower,upperdir=/run/plump/upper/data,workdir=/run/plump/upper/work,index=on,nfs_export=on plump /sysroot
}

fill_root() {
	problem='modules, agent or settings cannot be taken from the medium'
	wanted='memory or a good medium'
	hint='the machine needs at least 192 MB of memory; if it has them, write the ISO again'
	version=$(uname -r)
	modules=/usr/lib/modules/$version
	mkdir -p "/sysroot$modules" /sysroot/usr/lib/firmware /sysroot/etc/plump
	read -r kernel </lib/plump/kernel-name
	mount -t squashfs -o ro,loop "$MEDIUM/kernels/$kernel/modules.sqfs" "/sysroot$modules" || return
	mount -t squashfs -o ro,loop "$MEDIUM/live/firmware.sqfs" /sysroot/usr/lib/firmware || return
	tar -xzf "$MEDIUM/live/agent.tar.gz" -C /sysroot || return
	cp "$MEDIUM/plump/node.json" /sysroot/etc/plump/node.json || return
	chmod 644 /sysroot/etc/plump/node.json
	copy_secrets
}

copy_secrets() {
	(
		umask 077
		if [ -n "$key" ]; then
			echo "$key" >/sysroot/etc/plump/cluster.key
		elif [ -f "$MEDIUM/plump/cluster.key" ]; then
			cat "$MEDIUM/plump/cluster.key" >/sysroot/etc/plump/cluster.key
		fi
		[ ! -f "$MEDIUM/plump/wifi.json" ] || cat "$MEDIUM/plump/wifi.json" >/sysroot/etc/plump/wifi.json
	)
}

# Full names: without /proc the shell does not find its own applets.
enter_root() {
	for folder in sys dev run proc; do /bin/busybox mount -o move "/$folder" "/sysroot/$folder"; done
	exec /bin/busybox switch_root /sysroot /sbin/init
}
