package notify

import (
	"strings"
	"unicode/utf8"
)

// calendar writes the end of a token as a calendar file (RFC 5545). Its UID is
// fixed, so that a later file about the same token replaces the entry.
func (w *writer) calendar(key string) []byte {
	const utc = "20060102T150405Z"
	end := w.facts.EndsAt.UTC()
	if end.IsZero() {
		w.lack("EndsAt")
		return nil
	}
	// The key names a step and a person; the entry is the person's for the token.
	uid := digest("calendar/" + w.facts.Code + key[strings.LastIndexByte(key, '/'):])
	var b strings.Builder
	for _, line := range []string{
		"BEGIN:VCALENDAR",
		"VERSION:2.0",
		"PRODID:-//Tokendesk//Tokendesk//EN",
		"METHOD:PUBLISH",
		"BEGIN:VEVENT",
		"UID:" + uid[:32] + "@tokendesk",
		"DTSTAMP:" + w.facts.Now.UTC().Format(utc),
		"DTSTART:" + end.Format(utc),
		"SUMMARY:" + escapeICS(w.T("mail.event")+" ("+w.facts.Code+")"),
		"DESCRIPTION:" + escapeICS(w.facts.Title),
		"URL:" + w.facts.Link,
		"TRANSP:TRANSPARENT",
		"END:VEVENT",
		"END:VCALENDAR",
	} {
		foldICS(&b, line)
	}
	return []byte(b.String())
}

// escapeICS writes a text value (RFC 5545 §3.3.11).
func escapeICS(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`, "\r", "").Replace(s)
}

// foldICS writes a content line in pieces of at most 75 bytes, and never cuts
// a character (RFC 5545 §3.1).
func foldICS(b *strings.Builder, line string) {
	const most = 75
	room := most
	for len(line) > room {
		at := room
		for at > 0 && !utf8.RuneStart(line[at]) {
			at--
		}
		b.WriteString(line[:at] + "\r\n ")
		line, room = line[at:], most-1
	}
	b.WriteString(line + "\r\n")
}
