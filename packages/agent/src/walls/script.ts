import { sudoScript } from "./sudo-script.ts";

/**
 * What the first process of a node does before it waits: it builds the machine that the node's tasks see. Its arguments
 * are the node's own directory, the directory to hide, the node's root, its first and last user id, then the directories
 * of other file systems, each after `ro` or `rw`, and at last the sockets of container runtimes.
 *
 * Nothing that a task may have written is executed or read here: this process has all rights, and the node's files may
 * be those of an earlier life. The ways in and out of a machine that is being built are kept open as descriptors, since
 * mounts cover them.
 */
const beginning = `
set -eu
umask 022
# Read before there is another /proc: what it says here is how the machine calls us.
read pid rest </proc/self/stat
own=$1 hidden=$2 root=$3 first=$4 last=$5
shift 5
mkdir -p "$own/tmp" "$own/home" "$hidden"
chmod 1777 "$own/tmp"
exec 3<"$root" 4<"$own/home" 5<"$own/tmp" 8</dev/null 9>/dev/null
`;

/**
 * Processes of the node that have lost their parent become children of this one, and stay as dead ones, which count
 * against what tasks may have, until it asks how they ended. It does while it waits for a child of its own.
 */
const ending = `
cd /
exec 3<&- 4<&- 5<&-
echo "ready $pid"
exec <&8 >&9 2>&9 8<&- 9>&-
while :; do
  # Not in the background: for that a shell opens /dev/null, which is not here.
  sleep infinity || :
done
`;

/** Makes a directory of the machine that is built, or finds the file there, unless the way leads over a link. */
const placing = `
place() (
  at=.
  IFS=/
  for part in $1; do
    [ -n "$part" ] || continue
    at=$at/$part
    if [ -L "$at" ]; then
      echo "$1 of the node is a link" >&2
      exit 1
    fi
  done
  [ -e "$at" ] || mkdir -p "$at"
)
`;

/** In place of the hidden directory are the node's root and the homes of its accounts, at their own paths. */
const hiding = `
cover() {
  mount -n -t tmpfs -o nosuid,nodev,noexec,mode=755,size=64k hidden ".$hidden"
  mkdir -p ".$root" ".$own/home"
  mount -n -c --bind /proc/self/fd/3 ".$root"
  mount -n -o remount,bind,nosuid,nodev ".$root"
  mount -n -c --bind /proc/self/fd/4 ".$own/home"
  mount -n -o remount,bind,nosuid,nodev ".$own/home"
  mount -n -o remount,ro,nosuid,nodev,noexec,mode=755,size=64k hidden ".$hidden"
}
`;

/**
 * Some services of the machine start programs for whoever may speak to them, outside of all walls: container runtimes,
 * and systemd by its buses. Their sockets are below `/run`, which is another here; the remaining arguments name
 * directories and sockets elsewhere. Names of hosts are still found.
 */
const closing = `
close_services() {
  names=$(readlink -f /etc/resolv.conf || :)
  case $names in
    /run/*) text=$(cat "$names") ;;
    *) names= ;;
  esac
  mount -n -t tmpfs -o nosuid,nodev,mode=755 run run
  mkdir -m 1777 run/lock
  if [ -n "$names" ]; then
    mkdir -p ".\${names%/*}"
    echo "$text" >".$names"
  fi
  for closed; do
    if [ -d ".$closed" ] && place "$closed"; then
      mount -n -t tmpfs -o ro,nosuid,nodev,noexec,mode=755,size=4k closed ".$closed"
    elif [ -S ".$closed" ] && place "$closed"; then
      mount -n -c --bind /proc/self/fd/8 ".$closed"
    fi
  done
}
`;

/**
 * As an ordinary user: the machine's own file system, whose rights protect it, without the hidden directory. Mounts of a
 * new user namespace cannot be taken away from inside.
 */
const asUser = `
cd /
mount -n -t proc -o nosuid,nodev,noexec proc proc
mount -n -t tmpfs -o nosuid,nodev,mode=1777 shm dev/shm
mount -n -c --bind /proc/self/fd/5 tmp
close_services "$@"
[ -d ".$hidden" ] || mkdir -p ".$hidden"
cover
# Where the machine lets its users have control groups, tasks would be free to change their own limits.
[ ! -d sys/fs/cgroup ] || mount -n -t tmpfs -o ro,nosuid,nodev,noexec,size=4k groups sys/fs/cgroup
`;

/**
 * As root: a copy of the machine's file system, of which only the changes are written, to the node's own directory. What
 * the machine's ordinary users may not read is not there; devices are those that everybody may use.
 *
 * The copy is not the first directory of the node's namespace: that one, which only holds the machine's programs to
 * read, is where those are started who then lay down their rights and go to the copy. The copy may have other programs
 * of the same names by then.
 */
const asRoot = `
gate=$own/machine changes=$own/changes
upper=$changes/upper
mkdir -p "$gate" "$upper" "$changes/work" "$changes/home-of-root"
chmod 700 "$changes" "$changes/home-of-root"
[ -e "$changes/made" ] ||
  find /home /srv /opt /var/lib /var/spool -mindepth 1 -maxdepth 3 \\
    \\( -type d ! -perm -005 -o -type f ! -perm -004 \\) -prune -print 2>/dev/null |
  while read -r path; do
    [ ! -e "$upper$path" ] || continue
    mkdir -p "$upper\${path%/*}"
    # To an overlay this is a place where nothing is any more.
    mknod "$upper$path" c 0 0
  done
mount -n -t tmpfs -o nosuid,nodev,mode=755,size=64k gate "$gate"
cd "$gate"
mkdir node old proc
for directory in usr bin sbin lib lib32 lib64; do
  if [ -L "/$directory" ]; then
    cp -P "/$directory" "$directory"
  elif [ -d "/$directory" ]; then
    mkdir "$directory"
    mount -n --bind "/$directory" "$directory"
    mount -n -o remount,bind,ro,nosuid,nodev "$directory"
  fi
done
mkdir etc
for file in ld.so.cache ld-musl-x86_64.path ld-musl-aarch64.path; do
  [ ! -e "/etc/$file" ] || cp "/etc/$file" "etc/$file"
done
options="lowerdir=/,upperdir=$upper,workdir=$changes/work"
mount -n -t overlay -o "nodev,redirect_dir=nofollow,$options" machine node
cd node
if [ ! -e "$changes/made" ]; then
  find etc -depth ! -type l ! -perm -004 ! -path 'etc/sudoers*' | while read -r path; do
    [ -e "$upper/$path" ] || rm -rf "$path"
  done
  [ -e etc/shadow ] || sed 's/^\\([^:]*\\):[^:]*:/\\1:*:/' /etc/shadow >etc/shadow
  chmod 600 etc/shadow
  for file in passwd group; do
    sed -i '/^_azbatch\\(task_[0-9]*\\)\\{0,1\\}:/d' "etc/$file"
  done
  id=$first name=_azbatch
  while [ "$id" -le "$last" ]; do
    echo "$name:x:$id:$id::$root:/usr/sbin/nologin" >&6
    echo "$name:x:$id:" >&7
    id=$((id + 1)) name=_azbatchtask_$((id - first))
  done 6>>etc/passwd 7>>etc/group
  if ! command -v sudo >/dev/null && [ ! -e usr/bin/sudo ]; then
    cat >usr/bin/sudo <<'SUDO'
${sudoScript}SUDO
    chmod 755 usr/bin/sudo
  fi
  : >"$changes/made"
fi
for directory in root sys dev tmp var/tmp run proc; do place "$directory"; done
mount -n --bind "$changes/home-of-root" root
while [ "\${1:-}" = ro ]; do
  if [ -e ".$2" ] && place "$2" && mount -n --bind "$2" ".$2"; then mount -n -o remount,bind,ro ".$2"; fi
  shift 2
done
mount -n -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -n -t tmpfs -o nosuid,mode=755,size=64k dev dev
for device in null zero full random urandom tty dri kfd infiniband nvidia0 nvidia1 nvidia2 nvidia3 \\
  nvidia4 nvidia5 nvidia6 nvidia7 nvidiactl nvidia-uvm nvidia-uvm-tools nvidia-modeset nvidia-caps; do
  [ -e "/dev/$device" ] || continue
  if [ -d "/dev/$device" ]; then mkdir "dev/$device"; else : >"dev/$device"; fi
  mount -n --rbind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
ln -s pts/ptmx dev/ptmx
mkdir dev/pts dev/shm
mount -n -t devpts -o newinstance,ptmxmode=0666,mode=620,nosuid,noexec devpts dev/pts
mount -n -t tmpfs -o nosuid,nodev,mode=1777 shm dev/shm
for directory in tmp var/tmp; do
  mount -n -c --bind /proc/self/fd/5 "$directory"
  mount -n -o remount,bind,nosuid,nodev "$directory"
done
place "$hidden"
cover
while [ "\${1:-}" = rw ]; do
  if place "$2" && mount -n --bind "$2" ".$2"; then mount -n -o remount,bind,nosuid,nodev ".$2"; fi
  shift 2
done
close_services "$@"
# Who starts this cannot read it, so nobody of that user can read or change what it holds in memory.
cp /bin/dash run/kyanite-shell
chmod 711 run/kyanite-shell
mount -n -t proc -o nosuid,nodev,noexec proc proc
# Shared memory that no process has any more counts for nobody, so there is less of it than of the machine's.
echo $(($(sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo) / 16)) >proc/sys/kernel/shmall
for name in sys sysrq-trigger irq bus fs; do
  [ -e "proc/$name" ] || continue
  mount -n --bind "proc/$name" "proc/$name"
  mount -n -o remount,bind,ro,nosuid,nodev,noexec "proc/$name"
done
for name in kcore keys timer_list sched_debug latency_stats; do
  [ ! -e "proc/$name" ] || mount -n --bind /dev/null "proc/$name"
done
cd "$gate"
mount -n -o remount,ro,nosuid,nodev,mode=755,size=64k gate "$gate"
pivot_root . old
# This program looks into it.
mount -n -t proc -o ro,nosuid,nodev,noexec proc /proc
umount -n -l /old
umount -n -l /proc
`;

/** For a node of an agent that is root, or of one that is not. */
export const wallsScript = (isRoot: boolean): string =>
  beginning + placing + closing + hiding + (isRoot ? asRoot : asUser) + ending;
