/** Below it each administrator's account has a directory that only it can enter, with a program that gives rights. */
export const sudoKeys = "/usr/lib/kyanite-sudo";

/**
 * A `sudo` for nodes whose machine has none. It gives no rights itself: it runs what root asks for, and what an
 * administrator's account asks for by the program that this account alone can reach.
 */
export const sudoScript = `#!/bin/sh
# The sudo of a Kyanite node whose machine has none. Rights come from the task's userIdentity, not from this file.
sudo_for=root sudo_as='' sudo_only='' sudo_home=new
sudo_id=$(id -u) sudo_gid=$(id -g) sudo_name=$(id -un 2>/dev/null || id -u)

refuse() {
  echo "sudo: $1" >&2
  exit 1
}

while :; do
  OPTIND=1
  while getopts :BEHKPSVikn-:p:su:v sudo_option; do
    [ "$sudo_option" != - ] || case $OPTARG in
      preserve-env | preserve-env=*) sudo_option=E ;;
      set-home) sudo_option=H ;;
      login) sudo_option=i ;;
      shell) sudo_option=s ;;
      user=*) sudo_option=u OPTARG=\${OPTARG#*=} ;;
      user) sudo_option=u && eval "OPTARG=\\\${$OPTIND-}" && OPTIND=$((OPTIND + 1)) ;;
      validate | reset-timestamp | remove-timestamp) sudo_option=v ;;
      version) sudo_option=V ;;
      non-interactive | stdin | bell | preserve-groups | prompt=*) sudo_option=n ;;
      *) OPTARG=-$OPTARG ;;
    esac
    case $sudo_option in
      B | P | S | n | p) ;;
      E) sudo_home=kept ;;
      H) sudo_home=new ;;
      i | s) sudo_as=$sudo_option ;;
      K | k | v) sudo_only=1 ;;
      u) sudo_for=$OPTARG ;;
      V) echo "sudo of a Kyanite node" && exit ;;
      :) refuse "the option -$OPTARG needs a value" ;;
      *) refuse "the option -$OPTARG is not known on this node: a start task that installs sudo brings all of them" ;;
    esac
  done
  shift $((OPTIND - 1))
  case \${1-} in
    HOME=*) sudo_home=given ;;
    [A-Za-z_]*=*) ;;
    *) break ;;
  esac
  export "$1"
  shift
done

sudo_setpriv=setpriv
if [ "$sudo_id" != 0 ]; then
  sudo_setpriv=${sudoKeys}/$sudo_id/setpriv
  [ -x "$sudo_setpriv" ] ||
    refuse "$sudo_name is no administrator of this node: give the task a userIdentity whose elevationLevel is admin"
fi
if [ $# -eq 0 ] && [ -z "$sudo_as" ]; then
  [ -z "$sudo_only" ] || exit 0
  refuse "no command is given"
fi
sudo_entry=$(getent passwd "\${sudo_for#\\#}") || refuse "there is no user $sudo_for on this node"
IFS=: read -r sudo_user sudo_group sudo_to sudo_group sudo_rest sudo_directory sudo_shell <<END
$sudo_entry
END

export SUDO_USER="$sudo_name" SUDO_UID="$sudo_id" SUDO_GID="$sudo_gid" SUDO_COMMAND="$*"
export USER="$sudo_user" LOGNAME="$sudo_user"
[ "$sudo_home" != new ] && [ "$sudo_as" != i ] || export HOME="$sudo_directory"
case $sudo_as in
  i) set -- "\${sudo_shell:-/bin/sh}" -l -c 'cd; [ $# -gt 0 ] || set -- "$0" -l; exec "$@"' "\${sudo_shell:-/bin/sh}" "$@" ;;
  s) set -- "\${SHELL:-/bin/sh}" -c '[ $# -gt 0 ] || set -- "$0"; exec "$@"' "\${SHELL:-/bin/sh}" "$@" ;;
esac
[ "$sudo_id:$sudo_to" != 0:0 ] || exec "$@"
exec "$sudo_setpriv" --reuid "$sudo_to" --regid "$sudo_group" --init-groups -- "$@"
`;
