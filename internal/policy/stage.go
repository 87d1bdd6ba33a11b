package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Decider is the part in which somebody decides in a stage.
type Decider string

// Reviewers decide for the school (docs/decisions.md 6, 7).
const Reviewers Decider = "reviewer"

// Stage is one step of a review. It is passed when so many different people of
// its part said yes; one no ends the request. Stages follow each other, and
// whoever decided in one decides in no other.
type Stage struct {
	Name  string // what people read of it; may be empty where it is the only one
	By    Decider
	Votes int
}

// Bounds of a review.
const (
	mostStages = 5
	mostVotes  = 5
	stageName  = 60 // characters
)

// Stage returns the n-th stage, from 1, and whether there is one.
func (p Policy) Stage(n int) (Stage, bool) {
	if n < 1 || n > len(p.Stages) {
		return Stage{}, false
	}
	return p.Stages[n-1], true
}

func validStages(all []Stage) error {
	if len(all) == 0 || len(all) > mostStages {
		return wrong("stages", "are from 1 to %d", mostStages)
	}
	for i, s := range all {
		field := fmt.Sprintf("stages.%d", i+1)
		switch {
		case s.Name == "" && len(all) > 1:
			return wrong(field+".name", "each of several stages has one")
		case utf8.RuneCountInString(s.Name) > stageName || !utf8.ValidString(s.Name) || s.Name != strings.TrimSpace(s.Name):
			return wrong(field+".name", "is at most %d characters, without spaces around it", stageName)
		case strings.ContainsFunc(s.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
			return wrong(field+".name", "holds a character that does not print")
		case s.By != Reviewers:
			return wrong(field+".by", "is %s", Reviewers)
		case s.Votes < 1 || s.Votes > mostVotes:
			return wrong(field+".votes", "is from 1 to %d", mostVotes)
		}
	}
	return nil
}

func (p *Policy) readStages(raw json.RawMessage) error {
	var all []json.RawMessage
	if err := value("stages", raw, &all); err != nil {
		return err
	}
	for i, one := range all {
		var s Stage
		field := fmt.Sprintf("stages.%d", i+1)
		of, err := object(field, one, []string{"name", "by", "votes"})
		if err != nil {
			return err
		}
		for _, part := range []struct {
			name string
			into any
		}{{"name", &s.Name}, {"by", &s.By}, {"votes", &s.Votes}} {
			if err := value(field+"."+part.name, of[part.name], part.into); err != nil {
				return err
			}
		}
		p.Stages = append(p.Stages, s)
	}
	return nil
}

func writeStages(all []Stage) []map[string]any {
	out := make([]map[string]any, len(all))
	for i, s := range all {
		out[i] = map[string]any{"name": s.Name, "by": s.By, "votes": s.Votes}
	}
	return out
}
