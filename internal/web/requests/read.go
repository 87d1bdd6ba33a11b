package requests

import (
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// readAnswers reads the answers to these questions from the request form. What is too
// long, or is no date, stays as it was typed: the core says what to correct, and
// the page shows it again. Two answers to a question that has one are refused.
func readAnswers(v *ui.Visit, qs []policy.Question) (access.Answers, ui.TypedDate, error) {
	var a access.Answers
	f := v.R.PostForm
	end := v.ReadDate(policy.KeyEnd)
	for _, q := range qs {
		if len(f[q.Key]) > 1 && q.Kind != policy.Choices {
			return nil, end, ui.ErrForm
		}
		switch q.Kind {
		case policy.Choices:
			var chosen []string
			for _, k := range f[q.Key] {
				if len(chosen) > len(q.Options) {
					break // more than there are is refused, however many more
				}
				if k, err := text.Clean(k, ui.MaxID); err == nil && !slices.Contains(chosen, k) {
					chosen = append(chosen, k)
				}
			}
			a.Set(q.Key, chosen...)
		case policy.End:
			a.Set(q.Key, end.Iso())
			if end.Iso() == "" {
				a.Set(q.Key, end.Typed)
			}
		case policy.Rules:
			if f.Get(q.Key) != "" {
				a.Set(q.Key, access.Accepted)
			}
		case policy.Paragraph:
			a.Set(q.Key, text.Lines(f.Get(q.Key)))
		default:
			a.Set(q.Key, text.Line(f.Get(q.Key)))
		}
	}
	return a, end, nil
}

// typedKeys are the fields of a request form that hold what its author wrote, in
// its order.
func typedKeys(qs []policy.Question) (out []string) {
	for _, q := range qs {
		if q.Kind.Typed() || q.Kind == policy.End {
			out = append(out, q.Key)
		}
	}
	return out
}

// readPanel reads the sponsor's or reviewer's panel: what to show again, and the
// move it asks for. A text above its limit, or a date that cannot be told, is a
// *access.FormError beside both.
func readPanel(v *ui.Visit, do access.Action) (PanelInput, access.Move, error) {
	var wrong access.FormError
	read := v.Note
	if do != access.Endorse && do != access.Approve && do != access.Deny {
		read = v.Parting
	}
	get := func(name string) string {
		s, tooLong := read(name)
		if tooLong != nil {
			wrong.Fields = append(wrong.Fields, tooLong.Fields...)
		}
		return s
	}
	end := v.ReadDate("end")
	in := PanelInput{Do: do, End: end.Typed, Reason: get("reason"), Conditions: get("conditions"), AltText: get("alternative_text")}
	in.Alternative, _ = text.Clean(v.R.PostForm.Get("alternative"), ui.MaxID)
	if e, bad := end.Problem("end", v.Words.Zone()); bad {
		wrong.Fields = append(wrong.Fields, e)
	}
	m := access.Move{Reason: in.Reason, Conditions: in.Conditions, Alternative: in.Alternative, AltText: in.AltText}
	switch do {
	case access.Endorse:
		m = access.Move{Note: in.Reason, End: end.End(v.Words.Zone())}
	case access.Approve:
		m.End, m.Alternative, m.AltText = end.End(v.Words.Zone()), "", ""
	case access.Decline, access.Deny, access.Rescind:
		m.Conditions = ""
	default:
		m = access.Move{}
	}
	return in, m, wrong.Err()
}
