package canvastest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// keyConfiguration is the JSON that a Canvas admin pastes to make an LTI key
// (lib/schemas/lti_configuration.rb).
type keyConfiguration struct {
	Title             string            `json:"title"`
	Description       string            `json:"description"`
	TargetLinkURI     string            `json:"target_link_uri"`
	OIDCInitiationURL string            `json:"oidc_initiation_url"`
	Scopes            []string          `json:"scopes"`
	PublicJWK         map[string]any    `json:"public_jwk"`
	PublicJWKURL      string            `json:"public_jwk_url"`
	CustomFields      map[string]string `json:"custom_fields"`
	Extensions        []struct {
		Platform     string          `json:"platform"`
		Domain       string          `json:"domain"`
		PrivacyLevel string          `json:"privacy_level"`
		Settings     json.RawMessage `json:"settings"`
	} `json:"extensions"`
}

// placementSettings are Canvas's settings, of a placement or common to all.
type placementSettings struct {
	Placement           string            `json:"placement"`
	Enabled             *bool             `json:"enabled"`
	MessageType         string            `json:"message_type"`
	Text                string            `json:"text"`
	Visibility          string            `json:"visibility"`
	RequiredPermissions string            `json:"required_permissions"`
	Default             string            `json:"default"`
	TargetLinkURI       string            `json:"target_link_uri"`
	CustomFields        map[string]string `json:"custom_fields"`
	DisplayType         string            `json:"display_type"`
	WindowTarget        string            `json:"windowTarget"`
	RootAccountOnly     bool              `json:"root_account_only"`
}

// ToolFromConfig reads an LTI key configuration, such as a tool publishes for
// manual installation, together with the redirect URIs that the admin types on
// the key form. It refuses what Canvas refuses.
func ToolFromConfig(config []byte, redirectURIs []string) (Tool, error) {
	var c keyConfiguration
	if err := json.Unmarshal(config, &c); err != nil {
		return Tool{}, fmt.Errorf("the configuration is not JSON of the right shape: %w", err)
	}
	for name, value := range map[string]string{
		"title": c.Title, "description": c.Description, "target_link_uri": c.TargetLinkURI, "oidc_initiation_url": c.OIDCInitiationURL,
	} {
		if value == "" {
			return Tool{}, fmt.Errorf("%s is required", name)
		}
	}
	for _, scope := range c.Scopes {
		if !slices.Contains(knownScopes, scope) {
			return Tool{}, fmt.Errorf("scope %q is unknown", scope)
		}
	}
	t := Tool{
		Name: c.Title, Description: c.Description, LoginURL: c.OIDCInitiationURL, RedirectURIs: redirectURIs,
		TargetLinkURI: c.TargetLinkURI, JWKSURL: c.PublicJWKURL, CustomFields: c.CustomFields, Scopes: c.Scopes,
	}
	if err := t.takeKey(c.PublicJWK); err != nil {
		return Tool{}, err
	}
	for _, extension := range c.Extensions {
		if extension.Platform != "canvas.instructure.com" {
			continue
		}
		t.Domain, t.PrivacyLevel = extension.Domain, extension.PrivacyLevel
		if err := t.takeSettings(extension.Settings); err != nil {
			return Tool{}, err
		}
	}
	return t.checked()
}

// takeKey stores a pasted key; Canvas answers 422 without alg or use.
func (t *Tool) takeKey(key map[string]any) error {
	if key == nil {
		if t.JWKSURL == "" {
			return errors.New("public_jwk or public_jwk_url is required")
		}
		return nil
	}
	for _, member := range []string{"kty", "alg", "e", "n", "kid", "use"} {
		if value, isText := key[member].(string); !isText || value == "" {
			return fmt.Errorf("public_jwk needs %s", member)
		}
	}
	raw, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("public_jwk: %w", err)
	}
	t.PublicJWKS = raw
	return nil
}

func (t *Tool) takeSettings(raw json.RawMessage) error {
	var common placementSettings
	var list struct {
		Placements []placementSettings `json:"placements"`
	}
	if len(raw) == 0 {
		return errors.New("settings are required")
	}
	if err := errors.Join(json.Unmarshal(raw, &common), json.Unmarshal(raw, &list)); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if list.Placements == nil {
		return errors.New("settings need placements")
	}
	for _, p := range list.Placements {
		if p.Enabled != nil && !*p.Enabled {
			continue
		}
		if !slices.Contains(knownPlacements, p.Placement) {
			return fmt.Errorf("placement %q is unknown here", p.Placement)
		}
		visibility := orElse(p.Visibility, common.Visibility)
		if !slices.Contains([]string{"", "public", "members", "admins"}, visibility) {
			return fmt.Errorf("visibility %q is unknown", visibility)
		}
		t.Placements = append(t.Placements, Placement{
			Name: p.Placement, Text: orElse(p.Text, common.Text), Visibility: visibility,
			RequiredPermissions: strings.TrimSpace(orElse(p.RequiredPermissions, common.RequiredPermissions)),
			DisabledByDefault:   orElse(p.Default, common.Default) == "disabled",
			TargetLinkURI:       orElse(p.TargetLinkURI, common.TargetLinkURI), CustomFields: p.CustomFields,
			DisplayType: orElse(p.DisplayType, common.DisplayType), NewWindow: orElse(p.WindowTarget, common.WindowTarget) == "_blank",
			RootAccountOnly: p.RootAccountOnly,
		})
	}
	return nil
}
