package lti

import "net/http"

// Reason is why a login, launch or proof was refused. The list is closed:
// Reasons returns all of it.
type Reason string

// Refusals of a request as such.
const (
	ReasonMethod         Reason = "method"          // not a form post (or, for logins, not a GET either)
	ReasonForm           Reason = "form"            // unreadable, or not form-encoded
	ReasonTooLarge       Reason = "too_large"       // more than is read at all
	ReasonDuplicateField Reason = "duplicate_field" // a form field comes twice
	ReasonMissingField   Reason = "missing_field"   // a required parameter is missing
	ReasonBadField       Reason = "bad_field"       // a parameter is too long, contradicts another or has forbidden characters
	ReasonCrossOrigin    Reason = "cross_origin"    // the storage proof does not come from our own page
	ReasonInternal       Reason = "internal"        // a store failed; nothing is known about the launch
)

// Refusals that concern what the tool knows of the platform.
const (
	ReasonRegistration  Reason = "unknown_registration" // no usable registration for issuer and client id
	ReasonDeployment    Reason = "unknown_deployment"   // the deployment is not allow-listed
	ReasonTarget        Reason = "target_not_allowed"   // target_link_uri is none of our pages
	ReasonPlatformGUID  Reason = "other_platform"       // tool_platform.guid is not the remembered one
	ReasonKeySet        Reason = "key_set_unavailable"  // the platform's keys cannot be had
	ReasonKeyUnknown    Reason = "key_unknown"          // kid names none of the platform's usable keys
	ReasonKeyAmbiguous  Reason = "key_ambiguous"        // kid names several different keys
	ReasonStateUnknown  Reason = "state_unknown"        // no state of ours: altered, cut, or sealed elsewhere
	ReasonStateExpired  Reason = "state_expired"
	ReasonStateSpent    Reason = "state_spent" // the launch was already used: a replay, a reload, a double click
	ReasonHeldUnknown   Reason = "held_unknown"
	ReasonNotBound      Reason = "browser_not_bound"     // no cookie came back, and the platform offers no storage
	ReasonOtherBrowser  Reason = "other_browser"         // the browser that launches is not the one that began the login
	ReasonStorageSilent Reason = "storage_did_not_help"  // no cookie, and the platform's storage gave no value
	ReasonTokenMissing  Reason = "token_missing"         // the post carries neither id_token nor error
	ReasonMalformed     Reason = "token_malformed"       // not three strict base64url segments, or no JSON header
	ReasonAlgorithm     Reason = "algorithm"             // anything but RS256
	ReasonCritical      Reason = "critical_header"       // crit or b64 in the header
	ReasonKeyIDMissing  Reason = "kid_missing"           // no kid
	ReasonSignature     Reason = "signature"             // the signature does not hold
	ReasonClaims        Reason = "claims_malformed"      // the payload is no JSON object, or a claim has a wrong type
	ReasonDuplicateName Reason = "claims_duplicate_name" // a JSON member comes twice, or in another letter case
	ReasonIssuer        Reason = "issuer"
	ReasonAudience      Reason = "audience"
	ReasonAuthorized    Reason = "authorized_party" // azp
	ReasonExpired       Reason = "expired"
	ReasonIssuedAt      Reason = "issued_at"
	ReasonNotBefore     Reason = "not_before"
	ReasonNonce         Reason = "nonce"
	ReasonVersion       Reason = "version"
	ReasonMessageType   Reason = "message_type"
	ReasonDeploymentID  Reason = "deployment_id" // missing, or other than the login request's
	ReasonRoles         Reason = "roles"         // missing; an empty list is allowed
	ReasonAnonymous     Reason = "anonymous"     // no sub: the platform names nobody (LTI core 1.3 §5.3.6.1)
	ReasonSubject       Reason = "subject"       // empty, too long or not ASCII
	ReasonResourceLink  Reason = "resource_link"
	ReasonContext       Reason = "context"         // a context without an id
	ReasonTargetLink    Reason = "target_link_uri" // missing, or other than the login request's
)

// Refusals that the platform itself reported, by posting error= to the launch
// URL. They are normal outcomes: a double click, a lost Canvas session.
const (
	ReasonPlatformRequest  Reason = "platform_invalid_request"        // invalid_request_object
	ReasonPlatformLogin    Reason = "platform_login_required"         // login_required
	ReasonPlatformClient   Reason = "platform_client_not_allowed"     // OAuth calls the client not authorised
	ReasonPlatformConsumed Reason = "platform_launch_no_longer_valid" // launch_no_longer_valid
	ReasonPlatformOther    Reason = "platform_error"                  // any other error=
)

// reasons lists every Reason with its HTTP status and whether opening the tool
// again, in a tab of its own, is likely to help.
var reasons = []struct {
	reason Reason
	status int
	newTab bool
}{
	{ReasonMethod, http.StatusMethodNotAllowed, true},
	{ReasonForm, http.StatusBadRequest, false},
	{ReasonTooLarge, http.StatusRequestEntityTooLarge, false},
	{ReasonDuplicateField, http.StatusBadRequest, false},
	{ReasonMissingField, http.StatusBadRequest, false},
	{ReasonBadField, http.StatusBadRequest, false},
	{ReasonCrossOrigin, http.StatusForbidden, true},
	{ReasonInternal, http.StatusInternalServerError, false},

	{ReasonRegistration, http.StatusForbidden, false},
	{ReasonDeployment, http.StatusForbidden, false},
	{ReasonTarget, http.StatusBadRequest, false},
	{ReasonPlatformGUID, http.StatusForbidden, false},
	{ReasonKeySet, http.StatusServiceUnavailable, false},
	{ReasonKeyUnknown, http.StatusUnauthorized, false},
	{ReasonKeyAmbiguous, http.StatusUnauthorized, false},
	{ReasonStateUnknown, http.StatusUnauthorized, true},
	{ReasonStateExpired, http.StatusUnauthorized, true},
	{ReasonStateSpent, http.StatusUnauthorized, true},
	{ReasonHeldUnknown, http.StatusUnauthorized, true},
	{ReasonNotBound, http.StatusUnauthorized, true},
	{ReasonOtherBrowser, http.StatusUnauthorized, true},
	{ReasonStorageSilent, http.StatusUnauthorized, true},
	{ReasonTokenMissing, http.StatusBadRequest, false},
	{ReasonMalformed, http.StatusUnauthorized, false},
	{ReasonAlgorithm, http.StatusUnauthorized, false},
	{ReasonCritical, http.StatusUnauthorized, false},
	{ReasonKeyIDMissing, http.StatusUnauthorized, false},
	{ReasonSignature, http.StatusUnauthorized, false},
	{ReasonClaims, http.StatusUnauthorized, false},
	{ReasonDuplicateName, http.StatusUnauthorized, false},
	{ReasonIssuer, http.StatusUnauthorized, false},
	{ReasonAudience, http.StatusUnauthorized, false},
	{ReasonAuthorized, http.StatusUnauthorized, false},
	{ReasonExpired, http.StatusUnauthorized, true},
	{ReasonIssuedAt, http.StatusUnauthorized, true},
	{ReasonNotBefore, http.StatusUnauthorized, true},
	{ReasonNonce, http.StatusUnauthorized, false},
	{ReasonVersion, http.StatusUnauthorized, false},
	{ReasonMessageType, http.StatusUnauthorized, false},
	{ReasonDeploymentID, http.StatusUnauthorized, false},
	{ReasonRoles, http.StatusUnauthorized, false},
	{ReasonAnonymous, http.StatusUnauthorized, true},
	{ReasonSubject, http.StatusUnauthorized, false},
	{ReasonResourceLink, http.StatusUnauthorized, false},
	{ReasonContext, http.StatusUnauthorized, false},
	{ReasonTargetLink, http.StatusUnauthorized, false},

	{ReasonPlatformRequest, http.StatusBadRequest, false},
	{ReasonPlatformLogin, http.StatusUnauthorized, true},
	{ReasonPlatformClient, http.StatusForbidden, false},
	{ReasonPlatformConsumed, http.StatusUnauthorized, true},
	{ReasonPlatformOther, http.StatusBadRequest, false},
}

// Reasons returns every Reason, so that a catalogue of sentences can be checked
// for completeness.
func Reasons() []Reason {
	all := make([]Reason, len(reasons))
	for i, r := range reasons {
		all[i] = r.reason
	}
	return all
}

// Status returns the HTTP status that suits the reason.
func (r Reason) Status() int {
	for _, k := range reasons {
		if k.reason == r {
			return k.status
		}
	}
	return http.StatusInternalServerError
}

func (r Reason) newTab() bool {
	for _, k := range reasons {
		if k.reason == r {
			return k.newTab
		}
	}
	return false
}

// Refusal is a login, launch or proof that was not accepted. It never contains
// the token or the contents of a claim, and may be shown and logged as it is;
// KeyID is the sender's text and belongs into the log only.
type Refusal struct {
	Code         Reason
	Registration string // Registration.ID, if it came to be known
	KeyID        string // the token header's kid, shortened; unverified
	Reference    string // for people to quote; the log has the same

	// RelaunchURL is where the launch can begin anew outside the frame, if that is
	// known, and CanRetryInNewTab whether the failure is one that this may cure.
	CanRetryInNewTab bool
	RelaunchURL      string

	Err error // the underlying error, where there is one
}

// Error returns the reason, and the underlying error's text.
func (r *Refusal) Error() string {
	if r.Err != nil {
		return "lti: refused (" + string(r.Code) + "): " + r.Err.Error()
	}
	return "lti: refused (" + string(r.Code) + ")"
}

// Unwrap returns the underlying error.
func (r *Refusal) Unwrap() error { return r.Err }

// Status returns the HTTP status for the page that shows the refusal.
func (r *Refusal) Status() int { return r.Code.Status() }

func refuse(code Reason, err error) *Refusal { return &Refusal{Code: code, Err: err} }
