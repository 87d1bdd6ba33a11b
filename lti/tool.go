package lti

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// Tool answers the three requests of an LTI 1.3 launch: HandleLogin, HandleLaunch
// and HandleProof. It is a struct literal; Validate says what is missing. It must
// not change once it serves, and keeps nothing between requests but the key sets.
type Tool struct {
	Registrations RegistrationStore
	States        StateStore
	StateKeys     *StateKeys
	KeySets       *KeySets
	Pages         Pages

	// PublicURL is where browsers see this tool, without a trailing slash:
	// target_link_uri must lie under it, and the storage proof must come from
	// its origin.
	PublicURL string
	// LaunchURL is the redirect_uri, as registered with the platform character
	// by character; PublicURL + "/lti/launch" if empty. HandleLaunch serves it.
	LaunchURL string
	// ProofURL is where the proof page posts; PublicURL + "/lti/proof" if empty.
	// It must have PublicURL's origin. HandleProof serves it.
	ProofURL string

	// Target is the allow-list of our own pages: it is asked for the path of a
	// target_link_uri, relative to PublicURL and beginning with a slash. If it
	// is nil, only LaunchURL itself is admitted.
	Target func(path string) bool

	// Relaunch returns the URL of a page, usually the platform's own for this
	// tool, on which a person can start the launch anew outside the frame; or "".
	// It must be made of what the caller has registered, never of a request's
	// text: all of a hint but a Launch is known before any signature was checked.
	// If it is nil, no refusal offers one.
	Relaunch func(ctx context.Context, hint RelaunchHint) string

	Now func() time.Time // time.Now if nil
	Log *slog.Logger     // refusals, without token or claims; slog.Default() if nil

	Observer Observer // nil: nobody listens
}

// RelaunchHint is what is known of a launch that failed. Registration is the
// zero value if not even that is known. Deployment is the login's, if it named
// one that the registration has. Launch is set only for launches that verified;
// TargetLinkURI is admitted by Tool.Target.
type RelaunchHint struct {
	Registration  Registration
	Deployment    string
	Launch        *Launch
	TargetLinkURI string
}

// Pages renders what this package decides. Each function writes the whole
// response. Launched and Refused are required. StorePage and ProofPage need each
// other: without both, a platform's storage is not used.
type Pages struct {
	// StorePage answers a login where the platform offers storage: a page with
	// the StorePage as JSON and BrowserScript (see there), which goes on by
	// itself. Status 200.
	StorePage func(w http.ResponseWriter, r *http.Request, p StorePage)
	// ProofPage answers a launch whose cookie did not come back: the same kind
	// of page. No session exists yet, and the page must not show whom or what
	// the launch concerns. Status 200.
	ProofPage func(w http.ResponseWriter, r *http.Request, p ProofPage)
	// Launched has a verified launch, by the browser that began it: now the
	// caller creates a session and answers with the first page.
	Launched func(w http.ResponseWriter, r *http.Request, l Launch)
	// Refused shows why not, with status Refusal.Status, the reference, and
	// RelaunchURL as a link with target=_blank where there is one.
	Refused func(w http.ResponseWriter, r *http.Request, refusal *Refusal)
}

// Validate reports what makes t unusable.
func (t *Tool) Validate() error {
	switch {
	case t.Registrations == nil, t.States == nil, t.StateKeys == nil, t.KeySets == nil:
		return errors.New("lti: a Tool needs Registrations, States, StateKeys and KeySets")
	case t.Pages.Launched == nil, t.Pages.Refused == nil:
		return errors.New("lti: a Tool needs Pages.Launched and Pages.Refused")
	case (t.Pages.StorePage == nil) != (t.Pages.ProofPage == nil):
		return errors.New("lti: Pages.StorePage and Pages.ProofPage need each other")
	}
	pub, err := endpoint(t.PublicURL)
	if err != nil || pub.RawQuery != "" || strings.HasSuffix(t.PublicURL, "/") {
		return errors.New("lti: PublicURL must be an https URL (http for loopback) without query and trailing slash")
	}
	if _, err := endpoint(t.launchURL()); err != nil {
		return errors.New("lti: LaunchURL must be an absolute https URL (http for loopback)")
	}
	proof, err := endpoint(t.proofURL())
	if err != nil || origin(proof) != origin(pub) {
		return errors.New("lti: ProofURL must have the origin of PublicURL")
	}
	return nil
}

func (t *Tool) launchURL() string {
	if t.LaunchURL != "" {
		return t.LaunchURL
	}
	return t.PublicURL + "/lti/launch"
}

func (t *Tool) proofURL() string {
	if t.ProofURL != "" {
		return t.ProofURL
	}
	return t.PublicURL + "/lti/proof"
}

func (t *Tool) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

func (t *Tool) log() *slog.Logger {
	if t.Log != nil {
		return t.Log
	}
	return slog.Default()
}

// usesStorage reports whether the caller can render the two storage pages.
func (t *Tool) usesStorage() bool {
	return t.Pages.StorePage != nil && t.Pages.ProofPage != nil
}

// refuse completes the refusal of a step, logs it, tells the observer and has it shown.
func (t *Tool) refuse(w http.ResponseWriter, r *http.Request, step Step, refusal *Refusal, hint RelaunchHint) {
	refusal.Reference = NewReference()
	if refusal.Registration == "" {
		refusal.Registration = hint.Registration.ID
	}
	if t.Relaunch != nil {
		refusal.RelaunchURL = t.Relaunch(r.Context(), hint)
		refusal.CanRetryInNewTab = refusal.RelaunchURL != "" && refusal.Code.newTab()
	}
	attrs := []slog.Attr{
		slog.String("reason", string(refusal.Code)),
		slog.String("registration", refusal.Registration),
		slog.String("kid", refusal.KeyID),
		slog.String("reference", refusal.Reference),
	}
	if refusal.Err != nil {
		attrs = append(attrs, slog.String("error", refusal.Err.Error()))
	}
	level := slog.LevelWarn
	if refusal.Code == ReasonInternal {
		level = slog.LevelError
	}
	t.log().LogAttrs(r.Context(), level, "lti request refused", attrs...)
	t.observe(step, Refused, refusal.Code)
	t.Pages.Refused(w, r, refusal)
}

// targetPath returns the path of target relative to PublicURL if it is one of
// our own pages that Tool.Target admits. Paths that could be read in two ways
// (dot segments, doubled or encoded slashes, backslashes) are none.
func (t *Tool) targetPath(target string) (string, bool) {
	pub, err := url.Parse(t.PublicURL)
	if err != nil {
		return "", false
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != pub.Scheme || u.User != nil || u.Opaque != "" ||
		strings.ContainsAny(target, "#\\") || origin(u) != origin(pub) {
		return "", false
	}
	rel, ok := strings.CutPrefix(u.Path, pub.Path)
	if !ok {
		return "", false
	}
	if rel == "" {
		rel = "/"
	}
	if rel[0] != '/' || path.Clean(rel) != rel || u.RawPath != "" {
		return "", false
	}
	if t.Target != nil {
		return rel, t.Target(rel)
	}
	return rel, target == t.launchURL()
}

// NewReference returns eight characters that are easy to read out, for people to
// quote: a Refusal has one, and the caller may give one to each other answer.
func NewReference() string {
	var b [5]byte
	rand.Read(b[:])
	s := referenceAlphabet.EncodeToString(b[:])
	return s[:4] + "-" + s[4:]
}

// referenceAlphabet is Crockford's: no I, L, O, U.
var referenceAlphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// noStore keeps a response, which concerns one launch of one browser, out of
// every cache and its URL out of other sites' logs. The referrer policy must
// let our own origin see itself: HandleProof depends on it.
func noStore(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}
