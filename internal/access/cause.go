package access

import "slices"

// Cause is why a grant ends. It decides the final word: an end that was reached
// is expired, one never activated is unclaimed, everything else is revoked.
type Cause string

// The causes of an end.
const (
	ByOwner      Cause = "owner"
	BySponsor    Cause = "sponsor"
	ByReviewer   Cause = "reviewer"
	ByEnd        Cause = "end"          // its time is over
	ByUnclaimed  Cause = "unclaimed"    // not activated in time
	ByCanvas     Cause = "in_canvas"    // deleted there by somebody
	ByNoReplaced Cause = "not_replaced" // reported lost, or thawed, and its successor never made
	ByFault      Cause = "fault"        // Canvas made something other than what was asked
	ByLeak       Cause = "leak"         // reported or recognised as leaked
	ByMisuse     Cause = "misuse"       // reported by its sponsor
	ByAltered    Cause = "altered"      // its value or purpose was changed in Canvas
	BySuperseded Cause = "superseded"   // its renewal took over
	ByNoSponsor  Cause = "no_sponsor"   // nobody stood for it within the gap of its policy
	ByOwnerLeft  Cause = "owner_left"   // its owner lost the course, the role or the Canvas account
	ByCourse     Cause = "course_over"  // the course ended, and the grace after it
	ByMass       Cause = "mass"         // part of a mass revocation
	ByDuties     Cause = "duties"       // after a merge of Canvas accounts its owner is also its sponsor, or who approved it
)

// causes has a row for each cause: whatever depends on why a token ends reads it
// here. The page's words are the catalogue's (cause.<cause>), and what is missing
// fails the start.
var causes = []struct {
	cause      Cause
	end        GrantState // the final word
	distrusted bool
	letter     bool
}{
	{ByOwner, Revoked, false, false},
	{BySponsor, Revoked, true, false},
	{ByReviewer, Revoked, true, false},
	{ByEnd, Expired, false, false},
	{ByUnclaimed, Unclaimed, false, false},
	{ByCanvas, Revoked, false, true},
	{ByNoReplaced, Revoked, false, false},
	{ByFault, Revoked, false, false},
	{ByLeak, Revoked, true, false},
	{ByMisuse, Revoked, true, false},
	{ByAltered, Revoked, true, false},
	{BySuperseded, Revoked, false, true},
	{ByNoSponsor, Revoked, false, true},
	{ByOwnerLeft, Revoked, false, true},
	{ByCourse, Revoked, false, true},
	{ByMass, Revoked, true, false},
	{ByDuties, Revoked, true, true},
}

// Causes returns every cause.
func Causes() []Cause {
	out := make([]Cause, len(causes))
	for i, row := range causes {
		out[i] = row.cause
	}
	return out
}

// of is the place of a cause's row, or -1.
func (c Cause) of() int { return slices.Index(Causes(), c) }

// End returns the final word for a cause.
func (c Cause) End() GrantState {
	if i := c.of(); i >= 0 {
		return causes[i].end
	}
	return Revoked
}

// Distrusted reports whether a cause is held against the token or its owner. A
// renewal of such a token goes nowhere: its owner asks for a new one.
func (c Cause) Distrusted() bool { i := c.of(); return i >= 0 && causes[i].distrusted }

// OwnLetter reports whether the letter about the end of a token has words of its own
// for this cause: nobody did it, so that it cannot name who.
func (c Cause) OwnLetter() bool { i := c.of(); return i >= 0 && causes[i].letter }
