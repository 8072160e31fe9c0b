#!/bin/sh
# Counts the words of input.txt. Writes result.tsv, one line: name, lines, words, distinct words, the most frequent
# ones; and words.tsv, one line a word with its count.
set -eu
here=$(dirname "$0")

tr -cs 'A-Za-z' '\n' <input.txt | tr 'A-Z' 'a-z' | grep . | sort | uniq -c | awk '{ print $2 "\t" $1 }' >words.tsv || true
frequent=$(grep -vwFf "$here/stopwords.txt" words.tsv | sort -t "$(printf '\t')" -k2,2nr -k1,1 | head -n 3 | cut -f1 | paste -sd ' ' -)
printf '%s\t%d\t%d\t%d\t%s\n' "$SOURCE_NAME" "$(wc -l <input.txt)" "$(wc -w <input.txt)" "$(wc -l <words.tsv)" "$frequent" >result.tsv
cat result.tsv
