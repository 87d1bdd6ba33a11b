package desk

import "github.com/tokendesk/tokendesk/internal/access"

// Observer is told how each verb ended, whoever called it. It is told neither who
// they are nor what it was about. It is called by many verbs at once, and they wait
// for it.
type Observer interface {
	// VerbEnded has an empty why unless the outcome is access.VerbRefused.
	VerbEnded(verb access.Action, outcome access.Outcome, why access.Why)
}

// VerbEnded tells o how a verb ended. It is deferred, and passes a panic on.
func VerbEnded(o Observer, verb access.Action, err *error) {
	if o == nil {
		return
	}
	if p := recover(); p != nil {
		o.VerbEnded(verb, access.VerbFailed, "")
		panic(p)
	}
	outcome, why := access.OutcomeOf(*err)
	o.VerbEnded(verb, outcome, why)
}
