#!/bin/sh
# Adds up what the tasks before it left in counts/: totals and the most frequent words of all files.
set -eu
here=$(dirname "$0")
tab=$(printf '\t')

cat counts/*/result.tsv | awk -F '\t' '
  { lines += $2; words += $3 }
  END { printf "%d files, %d lines, %d words\n", NR, lines, words }' >summary.txt
cat counts/*/words.tsv | grep -vwFf "$here/stopwords.txt" | awk -F '\t' '{ sum[$1] += $2 } END { for (word in sum) print word "\t" sum[word] }' |
  sort -t "$tab" -k2,2nr -k1,1 | head -n 8 | awk -F '\t' '{ printf "%s%s %d", (NR > 1 ? ", " : "most frequent: "), $1, $2 } END { print "" }' >>summary.txt
cat summary.txt
