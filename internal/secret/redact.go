package secret

import "strings"

// removed stands where Redact took something out.
const removed = "[removed]"

// What looks like a token's value is one rule, here, for forms, letters, logs
// and what Canvas says: letters and digits of ASCII, as many as they come
// together, that are
//
//   - at least shardedMin behind a shard's number and "~", as hosted Canvas
//     gives them, or
//   - bareMin to bareMax with both cases and a digit. A value has 64; the few
//     more are what stands right before one, such as the n of "\n" in a copied
//     program. A longer run is some other thing.
//
// Digests in hexadecimal (of a commit, of a file) have one case and pass.
const (
	shardedMin = 40
	bareMin    = 64
	bareMax    = 70
	shardMax   = 20 // digits of a shard's number
)

// HasToken reports whether something in a text looks like a token's value.
func HasToken(s string) bool {
	for range tokens(s) {
		return true
	}
	return false
}

// Redact takes out of a text whatever looks like a token's value. All else
// stays, byte for byte, and what it returns holds nothing that looks like one.
func Redact(s string) string { return Replace(s, removed) }

// Replace is Redact with another word in the place of what it takes out. The
// word must begin and end with what is no letter, digit or "~".
func Replace(s, by string) string {
	var out strings.Builder
	kept := 0
	for from, to := range tokens(s) {
		out.WriteString(s[kept:from])
		out.WriteString(by)
		kept = to
	}
	if kept == 0 {
		return s
	}
	out.WriteString(s[kept:])
	return out.String()
}

// tokens yields where each value begins and ends, in order and apart.
func tokens(s string) func(yield func(from, to int) bool) {
	return func(yield func(from, to int) bool) {
		from, to := -1, 0 // found, and not told yet: the next may hang on it by "~"
		last := 0         // where the run before begins
		for i := 0; i < len(s); {
			if !alphanumeric(s[i]) {
				i++
				continue
			}
			begin, end := i, i+1
			for end < len(s) && alphanumeric(s[end]) {
				end++
			}
			shard := shardBefore(s, begin)
			found := shard < begin && end-begin >= shardedMin
			switch {
			case found && bare(s[last:shard]):
				begin = last // without the shard's number what it was glued to looks like a value
			case found:
				begin = shard
			default:
				found = bare(s[begin:end])
			}
			i, last = end, i
			switch {
			case !found:
			case from >= 0 && begin <= to: // the shard's number ends what was found before
				to = end
			case from >= 0 && !yield(from, to):
				return
			default:
				from, to = begin, end
			}
		}
		if from >= 0 {
			yield(from, to)
		}
	}
}

// bare reports whether a run of letters and digits looks like a value by itself.
func bare(run string) bool {
	if len(run) < bareMin || len(run) > bareMax {
		return false
	}
	var lower, upper, digit bool
	for i := range len(run) {
		switch c := run[i]; {
		case c >= 'a':
			lower = true
		case c >= 'A':
			upper = true
		default:
			digit = true
		}
	}
	return lower && upper && digit
}

// shardBefore is where the shard's number begins that "~" joins to what stands
// at i, or i.
func shardBefore(s string, i int) int {
	if i < 2 || s[i-1] != '~' {
		return i
	}
	from := i - 1
	for from > 0 && i-1-from < shardMax && s[from-1] >= '0' && s[from-1] <= '9' {
		from--
	}
	if from == i-1 {
		return i
	}
	return from
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
