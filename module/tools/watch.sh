#!/bin/sh
# The counters, live: watch.awk draws them. On a terminal the frames are drawn
# over each other on its other screen.
# shellcheck source=module/tools/lib.sh
. "${0%/*}/lib.sh"

need_loaded
live=0
if [ -t 1 ]; then
	live=1
	trap 'printf "\033[?25h\033[?1049l"' EXIT
	printf '\033[?1049h\033[?25l'
fi
# In the background, so that the shell hears a signal at once.
awk -v live=$live -v stats="$root$tree/stats" -f "${0%/*}/watch.awk" &
# dash reports a killed job when it waits for it.
trap 'kill $! 2> /dev/null || :; wait $! 2> /dev/null || :; exit 0' INT TERM
wait $! || :
