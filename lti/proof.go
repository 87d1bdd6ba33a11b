package lti

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// noOwnValue is what the browser script posts as own if our origin's
// sessionStorage works but has no value for this login.
const noOwnValue = "-"

// storageOutcomes are what the script may report of the platform's storage.
var storageOutcomes = []string{"ok", "error", "timeout", "no_frame"}

// HandleProof receives what the proof page found in the platform's storage. If
// that is the value of this launch's login, it calls Pages.Launched. A held
// launch can be tried once.
func (t *Tool) HandleProof(w http.ResponseWriter, r *http.Request) {
	now := t.now()
	noStore(w)
	var hint RelaunchHint
	launch, refusal := t.prove(w, r, now, &hint)
	if refusal != nil {
		t.refuse(w, r, StepProof, refusal, hint)
		return
	}
	t.observe(StepProof, Accepted, "")
	t.Pages.Launched(w, r, *launch)
}

func (t *Tool) prove(w http.ResponseWriter, r *http.Request, now time.Time, hint *RelaunchHint) (*Launch, *Refusal) {
	form, refusal := postForm(w, r, maxProofForm)
	if refusal != nil {
		return nil, refusal
	}
	// Otherwise somebody could have their own launch and its value posted by
	// another person's browser, which would then be signed in as them.
	if !t.fromOurPage(r) {
		return nil, refuse(ReasonCrossOrigin, nil)
	}
	handle := form.Get("held")
	if len(handle) != 43 || !strictBase64(handle) {
		return nil, refuse(ReasonHeldUnknown, nil)
	}
	held, err := t.States.TakeHeld(r.Context(), heldHash(handle))
	switch {
	case errors.Is(err, ErrHeldUnknown):
		return nil, refuse(ReasonHeldUnknown, nil)
	case err != nil:
		return nil, refuse(ReasonInternal, err)
	case held.Hash != heldHash(handle):
		return nil, refuse(ReasonInternal, errors.New("the store took another held launch"))
	case !now.Before(held.ExpiresAt):
		return nil, refuse(ReasonHeldUnknown, nil)
	}
	launch := new(Launch)
	if err := json.Unmarshal(held.Launch, launch); err != nil {
		return nil, refuse(ReasonInternal, errors.New("a held launch cannot be read"))
	}
	// Set before the proof: it only serves to say where to start anew.
	hint.Launch, hint.TargetLinkURI = launch, launch.TargetLinkURI
	hint.Registration, err = t.Registrations.Registration(r.Context(), launch.Registration)
	switch {
	case errors.Is(err, ErrUnknownRegistration):
		return nil, refuse(ReasonRegistration, nil)
	case err != nil:
		return nil, refuse(ReasonInternal, err)
	}
	if refusal := checkProof(form, held.BinderHash); refusal != nil {
		return nil, refusal
	}
	return launch, nil
}

// checkProof compares what the two storages gave with what the login put there.
// The platform's must hold. Ours must hold too wherever the browser has it:
// other tools may be able to plant a value in the platform's storage, but none
// can in our origin's.
func checkProof(form url.Values, binderHash string) *Refusal {
	value, own := form.Get("value"), form.Get("own")
	if value == "" {
		outcome := form.Get("outcome")
		if !slices.Contains(storageOutcomes, outcome) {
			outcome = "unknown"
		}
		return refuse(ReasonStorageSilent, errors.New("storage: "+outcome))
	}
	if !sharedHolds(value, binderHash) {
		return refuse(ReasonOtherBrowser, nil)
	}
	if own != "" && (own == noOwnValue || !ownHolds(own, binderHash)) {
		return refuse(ReasonOtherBrowser, errors.New("our own storage does not know this login"))
	}
	return nil
}

// fromOurPage reports whether a browser says that a page of our own origin sent
// the request. A request that says nothing is not from one.
func (t *Tool) fromOurPage(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	pub, err := url.Parse(t.PublicURL)
	return err == nil && r.Header.Get("Origin") == origin(pub)
}
