package lti

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
)

const claimPrefix = "https://purl.imsglobal.org/spec/lti/claim/"

// Values that LTI core 1.3 fixes.
const (
	ltiVersion          = "1.3.0"
	messageResourceLink = "LtiResourceLinkRequest"
)

// claims is the payload of an id_token. Pointers tell a missing (or null) claim
// from an empty one. What is not named here is ignored, also inside the claim
// objects, where older Canvas adds noise members such as errors.
type claims struct {
	Issuer    string      `json:"iss"`
	Audience  audience    `json:"aud"`
	Party     *string     `json:"azp"`
	Subject   *string     `json:"sub"`
	IssuedAt  numericDate `json:"iat"`
	Expires   numericDate `json:"exp"`
	NotBefore numericDate `json:"nbf"`
	Nonce     string      `json:"nonce"`

	Name       string `json:"name"`
	GivenName  string `json:"given_name"`
	FamilyName string `json:"family_name"`
	Email      string `json:"email"`
	Locale     string `json:"locale"`

	MessageType  string    `json:"https://purl.imsglobal.org/spec/lti/claim/message_type"`
	Version      string    `json:"https://purl.imsglobal.org/spec/lti/claim/version"`
	DeploymentID string    `json:"https://purl.imsglobal.org/spec/lti/claim/deployment_id"`
	TargetLink   string    `json:"https://purl.imsglobal.org/spec/lti/claim/target_link_uri"`
	Roles        *[]string `json:"https://purl.imsglobal.org/spec/lti/claim/roles"`
	Context      *Context  `json:"https://purl.imsglobal.org/spec/lti/claim/context"`
	ResourceLink *struct {
		ID string `json:"id"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/resource_link"`
	Platform struct {
		GUID string `json:"guid"`
		Name string `json:"name"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/tool_platform"`
	Presentation struct {
		ReturnURL string `json:"return_url"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/launch_presentation"`
	Custom     customClaim `json:"https://purl.imsglobal.org/spec/lti/claim/custom"`
	NamesRoles struct {
		URL string `json:"context_memberships_url"`
	} `json:"https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"`
	Placement string `json:"https://www.instructure.com/placement"`

	keyID string // the header's
}

// claimMembers are the names that decodeClaims knows, at the top and, for claims
// that are objects, inside. They must stay those of the struct tags above.
var claimMembers = memberNames{
	"iss": nil, "aud": nil, "azp": nil, "sub": nil, "iat": nil, "exp": nil, "nbf": nil, "nonce": nil,
	"name": nil, "given_name": nil, "family_name": nil, "email": nil, "locale": nil,
	claimPrefix + "message_type":                                      nil,
	claimPrefix + "version":                                           nil,
	claimPrefix + "deployment_id":                                     nil,
	claimPrefix + "target_link_uri":                                   nil,
	claimPrefix + "roles":                                             nil,
	claimPrefix + "context":                                           {"id": nil, "title": nil, "label": nil, "type": nil},
	claimPrefix + "resource_link":                                     {"id": nil},
	claimPrefix + "tool_platform":                                     {"guid": nil, "name": nil},
	claimPrefix + "launch_presentation":                               {"return_url": nil},
	claimPrefix + "custom":                                            nil,
	"https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice": {"context_memberships_url": nil},
	"https://www.instructure.com/placement":                           nil,
}

// decodeClaims reads a payload whose signature holds.
func decodeClaims(payload []byte) (*claims, *Refusal) {
	var c claims
	if refusal := unmarshal(payload, &c, claimMembers); refusal != nil {
		return nil, refusal
	}
	return &c, nil
}

// audience is aud: a string, or an array of strings.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var one string
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// numericDate is a JSON number of seconds since 1970. Zero is an absent one: no
// valid token is that old.
type numericDate int64

func (d *numericDate) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(f) > maxDate {
		return errors.New("not a date")
	}
	*d = numericDate(f)
	return nil
}

// maxDate keeps time arithmetic from overflowing.
const maxDate = 1 << 40

func (d numericDate) time() time.Time { return time.Unix(int64(d), 0).UTC() }

// Tolerances. Canvas stamps iat when it renders the login form and keeps that
// for up to five minutes, so it may be old when it arrives.
const (
	leeway   = time.Minute
	maxIssue = 10 * time.Minute
)

// check applies the rules that concern the token, its registration and the
// login it answers. Source: 1EdTech Security Framework 1.0 §5.1.3 and LTI core
// 1.3, each taken at its strictest.
func (c *claims) check(reg Registration, st pending, now time.Time) *Refusal {
	for _, rule := range []func() *Refusal{
		func() *Refusal { return c.checkParties(reg) },
		func() *Refusal { return c.checkTimes(now) },
		func() *Refusal { return c.checkMessage(reg, st) },
	} {
		if refusal := rule(); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (c *claims) checkParties(reg Registration) *Refusal {
	if c.Issuer != reg.Issuer {
		return refuse(ReasonIssuer, nil)
	}
	if len(c.Audience) == 0 {
		return refuse(ReasonAudience, nil)
	}
	for _, aud := range c.Audience {
		if aud != reg.ClientID {
			return refuse(ReasonAudience, nil)
		}
	}
	if c.Party == nil && len(c.Audience) > 1 || c.Party != nil && *c.Party != reg.ClientID {
		return refuse(ReasonAuthorized, nil)
	}
	return nil
}

func (c *claims) checkTimes(now time.Time) *Refusal {
	if c.Expires <= 0 || !now.Before(c.Expires.time().Add(leeway)) {
		return refuse(ReasonExpired, nil)
	}
	if c.IssuedAt <= 0 || c.IssuedAt > c.Expires ||
		c.IssuedAt.time().After(now.Add(leeway)) || now.After(c.IssuedAt.time().Add(maxIssue+leeway)) {
		return refuse(ReasonIssuedAt, nil)
	}
	if c.NotBefore != 0 && c.NotBefore.time().After(now.Add(leeway)) {
		return refuse(ReasonNotBefore, nil)
	}
	return nil
}

func (c *claims) checkMessage(reg Registration, st pending) *Refusal {
	switch {
	case c.Nonce == "" || !equal(nonceHash(c.Nonce), st.NonceHash):
		return refuse(ReasonNonce, nil)
	case c.Version != ltiVersion:
		return refuse(ReasonVersion, nil)
	case c.MessageType != messageResourceLink:
		return refuse(ReasonMessageType, nil)
	case !shortASCII(c.DeploymentID), st.DeploymentID != "" && st.DeploymentID != c.DeploymentID:
		return refuse(ReasonDeploymentID, nil)
	}
	if _, ok := reg.Deployment(c.DeploymentID); !ok {
		return refuse(ReasonDeployment, nil)
	}
	switch {
	case reg.PlatformGUID != "" && reg.PlatformGUID != c.Platform.GUID:
		return refuse(ReasonPlatformGUID, nil)
	case c.Roles == nil || slices.Contains(*c.Roles, ""):
		return refuse(ReasonRoles, nil)
	case c.Subject == nil:
		return refuse(ReasonAnonymous, nil)
	case !shortASCII(*c.Subject):
		return refuse(ReasonSubject, nil)
	case c.ResourceLink == nil || !shortASCII(c.ResourceLink.ID):
		return refuse(ReasonResourceLink, nil)
	case c.Context != nil && !shortASCII(c.Context.ID):
		return refuse(ReasonContext, nil)
	case c.TargetLink == "" || c.TargetLink != st.TargetLinkURI:
		return refuse(ReasonTargetLink, nil)
	}
	return nil
}

// launch turns checked claims into what the caller sees.
func (c *claims) launch(reg Registration, targetPath string, received time.Time) Launch {
	deployment, _ := reg.Deployment(c.DeploymentID)
	l := Launch{
		Registration: reg.ID, Issuer: reg.Issuer, ClientID: reg.ClientID,
		DeploymentID: c.DeploymentID, RootDeployment: deployment.Root, Canvas: reg.Canvas,
		Subject: *c.Subject, Name: c.Name, GivenName: c.GivenName, FamilyName: c.FamilyName,
		Email: c.Email, Locale: c.Locale, Roles: *c.Roles,
		ResourceLinkID: c.ResourceLink.ID, TargetLinkURI: c.TargetLink, TargetPath: targetPath,
		PlatformGUID: c.Platform.GUID, PlatformName: c.Platform.Name,
		Custom: Custom(c.Custom), Placement: c.Placement, ReturnURL: c.Presentation.ReturnURL,
		NamesRolesURL: c.NamesRoles.URL, KeyID: c.keyID,
		IssuedAt: c.IssuedAt.time(), ReceivedAt: received.UTC(),
	}
	if c.Context != nil {
		l.Context = *c.Context
		l.CustomTrusted = reg.Canvas && l.Context.ID == l.ResourceLinkID
	}
	return l
}
