package lti

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// PlacementName is where in Canvas the tool appears.
type PlacementName string

// The placements that this package configures.
const (
	CourseNavigation  PlacementName = "course_navigation"
	AccountNavigation PlacementName = "account_navigation"
	UserNavigation    PlacementName = "user_navigation"
)

// Visibility says who sees a placement's link. It hides the link only: whoever
// knows the URL can launch, unless RequiredPermissions are set as well.
type Visibility string

// Canvas's visibilities.
const (
	VisibleToAdmins  Visibility = "admins" // teachers and account admins
	VisibleToMembers Visibility = "members"
	VisibleToPublic  Visibility = "public"
)

// Placement configures one place in Canvas.
type Placement struct {
	Name       PlacementName
	Text       string            // the link's words; the profile's Title if empty
	Labels     map[string]string // the same by locale; lost in dynamic registration
	Visibility Visibility        // Canvas's default (public) if empty
	Hidden     bool              // course navigation: a teacher must enable the link first

	// RequiredPermissions are Canvas permission names, all of which a launching
	// user must hold: Canvas's only gate of its own. Dynamic registration
	// cannot send them; an admin must add them there by hand.
	RequiredPermissions []string
	RootAccountOnly     bool // account navigation: no link in sub-accounts; lost in dynamic registration

	TargetLinkURI string            // the profile's if empty
	CustomFields  map[string]string // over the profile's
}

// Profile is what a platform is told about the tool. The two ways of telling,
// Configuration and DynamicRegistration.Register, are built from the same.
type Profile struct {
	Title       string
	Description string
	ToolID      string // optional: Canvas's tool_id, a short fixed name

	PublicURL     string   // the tool's base; its host becomes the domain
	LoginURL      string   // HandleLogin
	RedirectURIs  []string // HandleLaunch
	TargetLinkURI string   // where a launch leads that names nothing else
	KeySetURL     string   // KeySetHandler
	IconURL       string   // optional

	Scopes       []string
	PrivacyLevel string            // anonymous, name_only, email_only or public
	CustomFields map[string]string // parameter to variable, such as "$Canvas.user.id"
	Placements   []Placement
}

// canvasPlatform is what Canvas's own extensions are filed under.
const canvasPlatform = "canvas.instructure.com"

func (p Profile) validate() error {
	switch {
	case p.Title == "", p.Description == "":
		return errors.New("lti: profile needs a title and a description")
	case len(p.RedirectURIs) == 0:
		return errors.New("lti: profile needs a redirect URI")
	case !slices.Contains([]string{"anonymous", "name_only", "email_only", "public"}, p.PrivacyLevel):
		return fmt.Errorf("lti: unknown privacy level %q", p.PrivacyLevel)
	}
	for _, raw := range append([]string{p.PublicURL, p.LoginURL, p.TargetLinkURI, p.KeySetURL}, p.RedirectURIs...) {
		if _, err := endpoint(raw); err != nil {
			return fmt.Errorf("lti: profile: URL %q %w", raw, err)
		}
	}
	for _, pl := range p.Placements {
		if pl.Name == "" {
			return errors.New("lti: a placement has no name")
		}
	}
	return nil
}

func (p Profile) domain() string {
	u, err := url.Parse(p.PublicURL)
	if err != nil {
		return ""
	}
	return HostOf(u)
}

func (p Profile) text(pl Placement) string {
	if pl.Text != "" {
		return pl.Text
	}
	return p.Title
}

func (p Profile) target(pl Placement) string {
	if pl.TargetLinkURI != "" {
		return pl.TargetLinkURI
	}
	return p.TargetLinkURI
}

// Configuration returns the LTI key configuration that a Canvas admin pastes or
// points Canvas at ("Enter URL"). Redirect URIs are no part of it; the admin
// enters them on the form. Source: Canvas lib/schemas/lti_configuration.rb.
func (p Profile) Configuration() ([]byte, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	placements := make([]any, 0, len(p.Placements))
	for _, pl := range p.Placements {
		placements = append(placements, p.configPlacement(pl))
	}
	settings := map[string]any{"text": p.Title, "placements": placements}
	if p.IconURL != "" {
		settings["icon_url"] = p.IconURL
	}
	extension := map[string]any{
		"platform":      canvasPlatform,
		"domain":        p.domain(),
		"privacy_level": p.PrivacyLevel,
		"settings":      settings,
	}
	if p.ToolID != "" {
		extension["tool_id"] = p.ToolID
	}
	doc := map[string]any{
		"title":               p.Title,
		"description":         p.Description,
		"oidc_initiation_url": p.LoginURL,
		"target_link_uri":     p.TargetLinkURI,
		"public_jwk_url":      p.KeySetURL,
		"scopes":              list(p.Scopes),
		"custom_fields":       fields(p.CustomFields),
		"extensions":          []any{extension},
	}
	return json.MarshalIndent(doc, "", "  ")
}

func (p Profile) configPlacement(pl Placement) map[string]any {
	out := map[string]any{
		"placement":       string(pl.Name),
		"enabled":         true,
		"message_type":    messageResourceLink,
		"text":            p.text(pl),
		"target_link_uri": p.target(pl),
		"display_type":    "full_width_in_context",
	}
	if len(pl.Labels) > 0 {
		out["labels"] = pl.Labels
	}
	if pl.Visibility != "" {
		out["visibility"] = string(pl.Visibility)
	}
	if pl.Hidden {
		out["default"] = "disabled"
	}
	if len(pl.RequiredPermissions) > 0 {
		out["required_permissions"] = strings.Join(pl.RequiredPermissions, ",")
	}
	if pl.RootAccountOnly {
		out["root_account_only"] = true
	}
	if len(pl.CustomFields) > 0 {
		out["custom_fields"] = pl.CustomFields
	}
	return out
}

// list and fields make the empty case an empty JSON value, not null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func fields(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
