package launchtest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// change is a difference that is meant: of the pages that one of these people
// reads (anybody, if none is named) at addresses that end so (any), these whole
// lines read otherwise now, so many times in all.
type change struct {
	who, at []string
	was, is string
	times   int
}

// intended is all that may differ from what the old program showed: at first what
// another way of keeping the rows brings with it.
var intended = []change{
	// A request in review has one state, in whatever stage.
	{who: []string{"before", "after"}, was: " awaiting_review", is: " in_review", times: 14},
	// Words that were erased are said to have been there.
	{was: "denied\n5 Oct 2026, 10:14 EDT · 39 days ago", is: "denied\n5 Oct 2026, 10:14 EDT · 39 days ago\n[removed]", times: 2},
	{was: "asked for the token to be deleted\n5 Oct 2026, 10:07 EDT · 39 days ago",
		is: "asked for the token to be deleted\n5 Oct 2026, 10:07 EDT · 39 days ago\n[removed]", times: 4},
	{was: "ended the sponsorship\n5 Oct 2026, 10:02 EDT · 39 days ago", is: "ended the sponsorship\n5 Oct 2026, 10:02 EDT · 39 days ago\n[removed]", times: 4},

	// What follows are pages that were changed for themselves since.
	// A question about one token says nothing about leaks of others.
	{at: []string{"/leak", "/freeze", "/revoke", "/thaw", "/remove"}, times: 83,
		was: "Problem, 5 leaks are not cleared. Until they are, their owners get no token.\nOpen Leaks"},

	// A sponsor ends the sponsorship of a request at any stage, instead of taking
	// back what others approved.
	{who: []string{"ana"}, was: "Your sponsorship\nTake back approval", is: "Your sponsorship\nEnd sponsorship", times: 4},
	{who: []string{"ana"}, at: []string{"/requests/REQ-0032", "/requests/REQ-0034", "/requests/REQ-0046", "/requests/REQ-0054", "/requests/REQ-0055"},
		was: "What this token reaches", is: "Your sponsorship\nEnd sponsorship\nWhat this token reaches", times: 5},
	// So not only Canvas ends one.
	{who: []string{pupil(40)}, was: "Canvas no longer lists\nCarla Stein\nas your teacher. Choose another sponsor by Thu 26 Nov .",
		is: "Carla Stein\ndoes not sponsor it any more. Choose another sponsor by Thu 26 Nov .", times: 2},
	// Who is asked to sponsor is not offered again, and it is said that they are.
	{who: []string{pupil(22)}, at: []string{"/sponsor"}, times: 1, was: "”. We ask the new sponsor at once.",
		is: "”.\nBoris Lang\nis asked now, until Fri 27 Nov . When you ask another sponsor,\nBoris Lang\nis asked no longer."},
	{who: []string{pupil(43)}, at: []string{"/sponsor"}, times: 1, was: "”. We ask the new sponsor at once.",
		is: "”.\nAna Ruiz\nis asked now, until Wed 18 Nov . When you ask another sponsor,\nAna Ruiz\nis asked no longer."},
	{who: []string{pupil(56)}, at: []string{"/sponsor"}, times: 1, was: "”. We ask the new sponsor at once.",
		is: "”.\nAna Ruiz\nis asked now, until Fri 27 Nov . When you ask another sponsor,\nAna Ruiz\nis asked no longer."},
	{who: []string{pupil(22)}, at: []string{"/sponsor"}, was: "[48211584]\nBoris Lang\nTeacher, BIO 201", times: 1},
	{who: []string{pupil(43), pupil(56)}, at: []string{"/sponsor"}, was: "[48210770]\nAna Ruiz\nTeacher, BIO 201", times: 2},

	// The day on which a course takes a token away is the token's end, wherever one
	// is shown.
	{was: "Ends\n9 Dec 2026", is: "Ends\n26 Nov 2026", times: 11},
	{was: "MUS 150\n9 Dec 2026", is: "MUS 150\n26 Nov 2026", times: 2},
	{was: "Student\n9 Dec 2026", is: "Student\n26 Nov 2026", times: 3},
	{was: "Next: the token ends on 9 Dec 2026", is: "Next: the token ends on 26 Nov 2026", times: 10},
	{was: "Works until 9 Dec 2026 . Last used Thu 12 Nov, 13:22 EST .", is: courseTakes + "Last used Thu 12 Nov, 13:22 EST . It ends then because its course is over.", times: 9},
	{was: "Works until 9 Dec 2026 . Last used Thu 12 Nov .", is: courseTakes + "Last used Thu 12 Nov . It ends then because its course is over.", times: 2},
	{who: notAfter, was: "Active\n" + courseTakes, is: "Ends in 13 days\n" + courseTakes, times: 7},
	{who: notAfter, was: "Active\n" + leaksBanner + courseTakes, is: "Ends in 13 days\n" + leaksBanner + courseTakes, times: 2},
	{who: notAfter, was: "26 Nov 2026\nThu 12 Nov, 13:22 EST\nActive\n", is: "26 Nov 2026\nThu 12 Nov, 13:22 EST\nEnds in 13 days\n", times: 2},
	{who: notAfter, was: "26 Nov 2026\nThu 12 Nov, 13:22 EST\nBoris Lang\nActive\n", is: "26 Nov 2026\nThu 12 Nov, 13:22 EST\nBoris Lang\nEnds in 13 days\n", times: 2},
	{who: []string{"dana-after"}, was: "Active\n" + courseTakes, is: "Ends in 12 days\n" + courseTakes, times: 1},
	{who: []string{"dana-after"}, was: "Active\n" + leaksBanner + courseTakes, is: "Ends in 12 days\n" + leaksBanner + courseTakes, times: 1},
	{who: []string{"dana-after"}, was: "26 Nov 2026\nThu 12 Nov\nBoris Lang\nActive\n", is: "26 Nov 2026\nThu 12 Nov\nBoris Lang\nEnds in 12 days\n", times: 1},

	// The list of tokens can show all that have ended.
	{who: []string{"dana", "dana-after", "priya"}, was: "Not created\nRole", is: "Not created\nEnded, any way\nRole", times: 5},
	// Its filters offer the courses and companies that live tokens have.
	{who: []string{"dana", "dana-after", "priya"}, was: "Course\n[]\nSponsor\n[]\nCompany\n[]", times: 5,
		is: "Course\nAny\nBIO 201 · Cell Biology\nMUS 150 · Harmony\nCompany\nAny\nQuizwright Ltd\nSponsor\n[]"},
	// Tokens that others ended stand open on home.
	{who: pupils(5, 8, 9, 10, 12, 13, 14, 16, 17, 19, 20, 21, 24, 25, 31), was: "Ended (1)", is: "Ended by others", times: 15},
	// A denied request can be started again.
	{who: []string{pupil(20)}, at: []string{"/"}, was: "The calendar feed.", is: "The calendar feed.\nStart again", times: 1},
	{who: []string{pupil(20)}, at: []string{"/requests/REQ-0020"}, was: "BIO 201\nWhat this token reaches", is: "BIO 201\nActions\nStart again\nWhat this token reaches", times: 1},
	// Kept text says only what is known of where it is from.
	{who: []string{pupil(25)}, was: "These are your answers from 13 Nov 2026, 17:29 EST. They were kept when your session ended.",
		is: "These are your answers from 13 Nov 2026, 17:29 EST. They were kept from before you opened Tokendesk this time, and are not sent.", times: 1},
	// A teaching assistant is called one.
	{who: []string{"tom"}, was: "Student", is: "Teaching assistant", times: 2},

	// Who thaws reads what they agree about.
	{at: []string{"/thaw"}, was: "Ben Frost\n" + firstVoice, is: "Ben Frost\n" + firstVoice + "Stopped by\nDana Ortiz\n, 13 Nov 2026, 15:27 EST\nWhy\nOdd traffic in the night.\nEnds\n18 Dec 2026\n", times: 3},
	{at: []string{"/thaw"}, was: "Eva Grant\n" + firstVoice, is: "Eva Grant\n" + firstVoice + "Stopped by\nDana Ortiz\n, 13 Nov 2026, 17:35 EST\nWhy\nIt calls from another country.\nEnds\n18 Dec 2026\n", times: 1},
	{at: []string{"/thaw"}, was: "Cleo Frost\nis told, and makes the new one without a new review.\nKeep as it is\n", times: 1,
		is: "Cleo Frost\nis told, and makes the new one without a new review.\nStopped by\nDana Ortiz\n, 13 Nov 2026, 15:27 EST\nWhy\nOdd traffic in the night.\nEnds\n18 Dec 2026\nAgreed already\nDana Ortiz\nKeep as it is\n"},

	// A mass revocation's plan says a span; while one runs, its page tells no time
	// that it took, and that tokens may work until they are gone.
	{was: "Expected\n1 second\nConfirmed gone\n0\n", is: "Expected\nbetween 1 second and 2 seconds\n", times: 2},
	{was: "Expected\n1 second\n", is: "Expected\nbetween 1 second and 2 seconds\n", times: 4},
	{who: []string{"dana", "priya"}, was: "Took\n7 minutes\n", times: 2},
	{was: "0 of 3 confirmed gone. 3 retrying.\n", is: "0 of 3 confirmed gone. A token may still work until Canvas confirms that it is gone. 3 retrying.\n", times: 2},

	// Nobody is asked to sponsor what they sponsored already.
	{who: []string{"after"}, was: "REQ-0069/v2/asked_to_sponsor/48210770 inbox\n", times: 1},
	{who: []string{"after"}, was: "REQ-0067/v2/asked_to_sponsor/48211584 inbox\n", times: 1},
}

const (
	leaksBanner = "Problem, 5 leaks are not cleared. Until they are, their owners get no token.\nOpen Leaks\n"
	courseTakes = "Works until Thu 26 Nov . If you need it longer, ask for a new one. "
	firstVoice  = "may go on. A second person must agree before anything happens.\nIt stays stopped until then.\n"
)

var notAfter = []string{pupil(55), "boris", "dana", "priya"}

func pupils(numbers ...int) (all []string) {
	for _, n := range numbers {
		all = append(all, pupil(n))
	}
	return all
}

// goneOrNew are the pages that only one of the two programs has, and why.
var goneOrNew = []change{
	// Instead of taking back an approval, a sponsor ends the sponsorship.
	{who: []string{"ana"}, at: []string{"/rescind"}, times: 4},
	{who: []string{"ana"}, at: []string{"/end-sponsorship"}, times: 9},
	// Nobody is asked to sponsor what they sponsored already.
	{who: []string{"letters"}, at: []string{"ana: Eva Grant asks you to sponsor an API token (REQ-0069)"}, times: 1},
	{who: []string{"letters"}, at: []string{"boris: Ben Clay asks you to sponsor an API token (REQ-0067)"}, times: 1},
}

// of reports whether the change is about this page of that file.
func (c change) of(file, address string) bool {
	address = strings.TrimSuffix(address, ": 200")
	return (c.who == nil || slices.Contains(c.who, file)) &&
		(c.at == nil || slices.ContainsFunc(c.at, func(end string) bool { return address == end || len(end) > 1 && strings.HasSuffix(address, end) }))
}

// samePages fails where what was read differs from what the old program showed, in
// anything but the changes that are meant.
func (s *school) samePages(got map[string]string) {
	s.t.Helper()
	all, err := readZipped("pages.txt.gz")
	if err != nil {
		s.t.Fatal(err)
	}
	want, changed, came := map[string]map[string]string{}, make([]int, len(intended)), make([]int, len(goneOrNew))
	for _, part := range strings.Split("\n"+all, "\n=== ")[1:] {
		file, text, _ := strings.Cut(part, ".txt\n")
		pages := pagesOf(text)
		for address, page := range pages {
			for i, c := range intended {
				if !c.of(file, address) {
					continue
				}
				was, is := c.was, c.is
				if !strings.HasPrefix(was, " ") { // whole lines
					page, was, is = "\n"+strings.TrimRight(page, "\n")+"\n", "\n"+strings.TrimRight(was, "\n")+"\n", "\n"+strings.TrimRight(is, "\n")+"\n"
					if c.is == "" {
						is = "\n"
					}
					if strings.HasSuffix(c.was, " ") {
						was, is = strings.TrimSuffix(was, "\n"), strings.TrimSuffix(is, "\n")
					}
				}
				changed[i] += strings.Count(page, was)
				page = strings.ReplaceAll(page, was, is)
			}
			pages[address] = page
		}
		want[file] = pages
	}
	if len(want) < 70 {
		s.t.Fatalf("the record has %d files", len(want))
	}
	for _, file := range slices.Sorted(maps.Keys(want)) {
		var out strings.Builder
		pages := pagesOf(got[file+".txt"])
		out.WriteString(sponsoredDifference(want[file], pages))
		for _, address := range slices.Sorted(maps.Keys(want[file])) {
			if page, ok := pages[address]; ok {
				out.WriteString(difference(address, want[file][address], page))
			} else if !cameOrWent(file, address, came) {
				fmt.Fprintf(&out, "gone: %s\n", address)
			}
		}
		for _, address := range slices.Sorted(maps.Keys(pages)) {
			if _, ok := want[file][address]; !ok && !cameOrWent(file, address, came) {
				fmt.Fprintf(&out, "new: %s\n", address)
			}
		}
		if out.Len() > 0 {
			s.t.Errorf("%s:\n%s", file, out.String())
		}
	}
	if len(got) != len(want) {
		s.t.Errorf("%d files are read, the record has %d", len(got), len(want))
	}
	for i, c := range intended {
		if changed[i] != c.times {
			s.t.Errorf("%d times instead of %d: %q", changed[i], c.times, c.was)
		}
	}
	for i, c := range goneOrNew {
		if came[i] != c.times {
			s.t.Errorf("%d pages instead of %d: %q", came[i], c.times, c.at)
		}
	}
}

func cameOrWent(file, address string, came []int) bool {
	for i, c := range goneOrNew {
		if c.of(file, address) {
			came[i]++
			return true
		}
	}
	return false
}

// pagesOf are the pages of a file by their addresses.
func pagesOf(text string) map[string]string {
	of := map[string]string{}
	for i, part := range strings.Split("\n"+text, "\n== ") {
		address, page, _ := strings.Cut(part, "\n")
		if i == 0 {
			address, page = "", part
		}
		of[address] += page
	}
	return of
}

// sponsoredDifference tells what of a person's sponsorships only one of two programs
// shows, and takes the pages with it. They are in another order and on several pages
// since a sponsor's list has pages: every line that stood at a row stands there still.
func sponsoredDifference(want, got map[string]string) string {
	was, is := sponsored(want), sponsored(got)
	var out strings.Builder
	for _, line := range slices.Sorted(maps.Keys(was)) {
		if !is[line] {
			out.WriteString("- " + line + "\n")
		}
	}
	for _, line := range slices.Sorted(maps.Keys(is)) {
		if !was[line] {
			out.WriteString("+ " + line + "\n")
		}
	}
	if out.Len() == 0 {
		return ""
	}
	return "== sponsorships, in any order\n" + out.String()
}

// besideRows are the lines of a list that belong to none of its rows.
var besideRows = regexp.MustCompile(`^$|^Past\b|^Showing \d|^Next$|^First page$|^Open in a new tab$|^Questions about `)

// sponsored takes the pages of a person's sponsorships and returns their lines, each
// with the row that it belongs to.
func sponsored(pages map[string]string) map[string]bool {
	lines := map[string]bool{}
	list, ok := pages["/sponsorships: 200"]
	if !ok {
		return lines
	}
	if pages["/: 200"] == list { // a teacher's home
		delete(pages, "/: 200")
	}
	for address, page := range pages {
		if !strings.HasPrefix(address, "/sponsorships: ") && !strings.HasPrefix(address, "/sponsorships?") {
			continue
		}
		delete(pages, address)
		row := ""
		for _, line := range strings.Split(page, "\n") {
			switch {
			case strings.HasPrefix(line, "Helper "):
				row = line
			case strings.HasPrefix(line, "REQ-"): // before the row's name or behind it
				lines[line] = true
				continue
			case besideRows.MatchString(line):
				continue
			}
			lines[row+" · "+line] = true
		}
	}
	return lines
}

// difference is the part of a page between its first and its last line that differ.
func difference(address, want, got string) string {
	was, is := strings.Split(strings.Trim(want, "\n"), "\n"), strings.Split(strings.Trim(got, "\n"), "\n")
	if slices.Equal(was, is) {
		return ""
	}
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	return "== " + address + "\n- " + strings.Join(was, "\n- ") + "\n+ " + strings.Join(is, "\n+ ") + "\n"
}
