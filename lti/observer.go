package lti

// Step is one of the requests of a launch.
type Step string

// The steps.
const (
	StepLogin  Step = "login"
	StepLaunch Step = "launch"
	StepProof  Step = "proof" // only where the launch's cookie did not come back
)

// Steps returns every Step.
func Steps() []Step { return []Step{StepLogin, StepLaunch, StepProof} }

// Outcome is how a step ended.
type Outcome string

// The outcomes.
const (
	Accepted     Outcome = "accepted"      // a login: the browser is on its way to the platform
	AskedStorage Outcome = "asked_storage" // a launch that verified and waits for its proof
	Refused      Outcome = "refused"
)

// Outcomes returns every Outcome.
func Outcomes() []Outcome { return []Outcome{Accepted, AskedStorage, Refused} }

// Observer is told how each step of each launch ended, before its page is
// written. It is told nothing else: all three values come from closed lists. It is
// called by many requests at once, and they wait for it.
type Observer interface {
	// LaunchStep has an empty reason unless the outcome is Refused.
	LaunchStep(step Step, outcome Outcome, reason Reason)
}

func (t *Tool) observe(step Step, outcome Outcome, reason Reason) {
	if t.Observer != nil {
		t.Observer.LaunchStep(step, outcome, reason)
	}
}
