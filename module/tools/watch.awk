# `make watch`: draws the module's stats once a second, with rates per second.
#
# live: 1 on a terminal, where each frame is drawn over the last one: from the top
#       left corner, each line cleared behind its end, so that nothing flickers.
# stats: the file. Open only while it is read, so that rmmod is not kept waiting.

function shell(command, line)
{
	line = ""
	command | getline line
	close(command)
	return line
}

function put(text)
{
	if (live && ++drawn >= rows)
		return
	frame = frame (live ? substr(text, 1, columns) "\033[K" : text) "\n"
}

function rate(key, value, elapsed, text)
{
	text = "-"
	if (key in before && elapsed > 0 && value >= before[key])
		text = sprintf("%.0f", (value - before[key]) / elapsed)
	before[key] = value
	return text
}

function size(words)
{
	rows = 24
	columns = 80
	if (split(shell("stty -F /dev/tty size 2> /dev/null"), words) == 2 && words[1] > 0) {
		rows = words[1]
		columns = words[2]
	}
}

BEGIN {
	for (;;) {
		frame = ""
		drawn = 0
		if (live)
			size()
		now = shell("date +%s.%N")
		elapsed = now - then
		then = now

		read = count = headings = 0
		width = 6
		while ((getline line < stats) > 0) {
			read = 1
			if (line ~ /^#/ && line !~ /^# parent /) {
				heading[++headings] = substr(line, 3)
			} else if (line !~ /^#/ && split(line, word) == 6) {
				row[++count] = line
				if (length(word[1]) > width)
					width = length(word[1])
			}
		}
		close(stats)

		put(shell("date +%T") "  " (read ? heading[1] : "not loaded: waiting for make load"))
		for (n = 2; n <= headings; n++)
			put(sprintf("%10s%s", "", heading[n]))
		put("")
		if (read) {
			format = "%-" width "s  %8s  %14s  %10s  %14s  %10s"
			put(sprintf(format, "parent", "redirect", "hits", "/s", "redirected", "/s"))
			for (n = 1; n <= count; n++) {
				split(row[n], word)
				put(sprintf(format, word[1], word[4], word[5],
				    rate(word[1] " hits", word[5], elapsed), word[6],
				    word[6] == "-" ? "-" : rate(word[1] " redirected", word[6], elapsed)))
			}
		} else {
			split("", before)
		}
		put("")
		if (live)
			put("Ctrl-C ends this")
		printf "%s%s%s", live ? "\033[H" : "", frame, live ? "\033[J" : ""
		fflush()
		if (system("sleep 1"))
			exit
	}
}
