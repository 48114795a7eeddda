#!/bin/sh
# Runs a DHCP server as a machine of its own on a network of the lab: in a new network namespace with one interface,
# "lan", whose other end is made in the supervisor's namespace for it to put on the bridge. Node cannot bind a socket to
# an interface, so this is also what keeps two servers on two networks apart. The namespace goes with the server.
#   dhcp-wire.sh OUTER ADDRESS/PREFIX PROGRAM ARGUMENT…
# Prints "wired" once the interface is there. The supervisor is process 1 of the lab's process namespace.
set -eu
outer=$1 address=$2
shift 2
ip link add lan type veth peer name "$outer" netns 1
ip address add "$address" dev lan
ip link set lo up
ip link set lan up
ip route add default dev lan
echo wired
exec "$@"
