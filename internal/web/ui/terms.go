package ui

import (
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// TermsField is the hidden field with the digest of what a page shows
// (access.Terms), in every form that decides, agrees or confirms.
const TermsField = "terms"

// maxTerms bounds the digest, in bytes; what is longer is none of ours.
const maxTerms = 1000

// TermsRead is the digest of the terms that the form's page showed.
func (v *Visit) TermsRead(name string) string {
	if s := v.R.PostForm.Get(name); len(s) <= maxTerms {
		return s
	}
	return ""
}

// TermsBanner says that what was read is no longer what would be decided, and
// which parts of it changed; nil where err says no such thing. kept: there is
// text below that was typed.
func TermsBanner(err error, kept bool) *Banner {
	var e *access.TermsError
	if !errors.As(err, &e) {
		return nil
	}
	b := &Banner{Kind: BannerWarn, ID: "terms.changed"}
	if len(e.Changed) == 0 {
		b.ID = "terms.unread"
	}
	if kept {
		b.ID += "_kept"
	}
	for _, part := range e.Changed {
		b.ItemIDs = append(b.ItemIDs, termsKey(part))
	}
	return b
}

// termsKey names a part of terms.
func termsKey(part access.TermsPart) string { return "terms.part_" + string(part) }

// ChangedFirst is the banner of a page that answers a refused post. The page
// shows how it stands now, and its form carries that: whatever else stood in the
// way, what changed since it was read is said first.
func (v *Visit) ChangedFirst(do access.Action, other func(Shell, cases.Case) *Banner, terms func(cases.Case) access.Terms, kept bool) func(Shell, cases.Case) *Banner {
	return func(sh Shell, c cases.Case) *Banner {
		if c.Can[do] {
			if b := TermsBanner(terms(c).Check(v.TermsRead(TermsField)), kept); b != nil {
				return b
			}
		}
		return other(sh, c)
	}
}
