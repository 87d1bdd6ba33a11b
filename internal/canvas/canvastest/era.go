package canvastest

import (
	"maps"
	"slices"
	"time"
)

// Era is an age of Canvas's access-token rules. A client must survive all.
type Era string

// The eras. E1 is September 2024 (admin-made tokens appear, denied is 401), E1b
// October 2024 (purpose required, PUT keeps an omitted expiry), E2 autumn 2025
// (listing, student rule), E3 2026 (denied is 403, more caps).
const (
	Era1  Era = "E1"
	Era1b Era = "E1b"
	Era2  Era = "E2"
	Era3  Era = "E3"
)

// EraCurrent is what hosted Canvas runs now.
const EraCurrent = Era3

func (e Era) first() bool { return e == Era1 || e == Era1b }

var eras = []Era{Era1, Era1b, Era2, Era3}

// Eras returns every era, oldest first.
func Eras() []Era { return slices.Clone(eras) }

func (e Era) valid() bool { return slices.Contains(eras, e) }

// since reports whether e is that era or a later one.
func (e Era) since(other Era) bool { return slices.Index(eras, e) >= slices.Index(eras, other) }

// Flags are the switches of an institution and of the vendor. Their names in
// JSON are used by the management port.
type Flags struct {
	// AdminManageAccessTokens is the root-account feature option
	// admin_manage_access_tokens (E1, E2): without it no admin creates or
	// deletes tokens of others and the two settings below do not bite.
	AdminManageAccessTokens bool `json:"admin_manage_access_tokens"`
	// StudentAccessTokenManagement is the vendor's flag of E2 for the listing
	// endpoint, the view permission and the 120-day rule.
	StudentAccessTokenManagement bool `json:"student_access_token_management"`
	// APIAuthErrorUpdates turns "signed in but not allowed" from 401 to 403
	// before E3.
	APIAuthErrorUpdates bool `json:"api_auth_error_updates"`
	// LimitPersonalAccessTokens is the account setting that leaves personal
	// tokens to admins.
	LimitPersonalAccessTokens bool `json:"limit_personal_access_tokens"`
	// RestrictPersonalAccessTokensFromStudents keeps students and observers
	// from making their own.
	RestrictPersonalAccessTokensFromStudents bool `json:"restrict_personal_access_tokens_from_students"`
	// NonAdminAccessTokenExpiration makes tokens that non-admins create end
	// within 120 days. The figure and who is checked (here: the caller) are
	// unconfirmed.
	NonAdminAccessTokenExpiration bool `json:"non_admin_access_token_expiration"`
	// SiteAdminAccessTokenExpiresIn caps tokens owned by the vendor's staff,
	// in E3. 0 means Canvas's fallback of 604800 s.
	SiteAdminAccessTokenExpiresIn time.Duration `json:"site_admin_access_token_expires_in"`
	// CappedUsers are further owners, by key, whose expiry is silently cut.
	CappedUsers map[string]time.Duration `json:"capped_users,omitempty"`
	// FreezeExpiryOnUpdate lets a PUT succeed without moving expires_at, as
	// the expiring-soon mail of 2026 suggests (unconfirmed).
	FreezeExpiryOnUpdate bool `json:"freeze_expiry_on_update"`
	// ElevatedProvider names the login provider that a session must come from
	// to create tokens; empty means no such gate.
	ElevatedProvider string `json:"elevated_provider"`
	// KeyRequiresScopes makes the default developer key require scopes, so
	// that KeyScopes bind at save and at each call.
	KeyRequiresScopes bool     `json:"key_requires_scopes"`
	KeyScopes         []string `json:"key_scopes,omitempty"`
	// RequireUserAgent refuses calls without a User-Agent.
	RequireUserAgent bool `json:"require_user_agent"`
	// ThrottleStatus is 403 (source) or 429 (docs).
	ThrottleStatus int `json:"throttle_status"`
	// DeletedTokensFound lets the owner's path still find a deleted token;
	// which one Canvas does is unconfirmed, 404 is assumed.
	DeletedTokensFound bool `json:"deleted_tokens_found"`
	// ListDeletedTokens keeps deleted tokens in the listing (unconfirmed).
	ListDeletedTokens bool `json:"list_deleted_tokens"`
	// PermissionsAsStrings renders the permission map as 'true'/'false', as
	// the docs do; the code renders booleans.
	PermissionsAsStrings bool `json:"permissions_as_strings"`
	// NewReportColumns adds status and creation to the token report.
	NewReportColumns bool `json:"new_report_columns"`
	// FilesElsewhere keeps the files of reports on another host, to which the
	// institution redirects.
	FilesElsewhere bool `json:"files_elsewhere"`
	// RotateRefreshTokens gives a new refresh token with every access token and
	// ends the old one. Canvas's are reusable (doc/api/oauth_endpoints.md); a
	// client should survive the day on which they are not.
	RotateRefreshTokens bool `json:"rotate_refresh_tokens"`
	// PlainAuthErrors says "Invalid access token." for deleted and expired
	// tokens too, as older servers do.
	PlainAuthErrors bool `json:"plain_auth_errors"`
}

// DefaultFlags returns the switches as an institution of that era that uses
// admin-made tokens would have them.
func DefaultFlags(e Era) Flags {
	f := Flags{
		AdminManageAccessTokens: true,
		ThrottleStatus:          403,
		PlainAuthErrors:         e.first(),
		RequireUserAgent:        e.since(Era3),
		NewReportColumns:        e.since(Era3),
	}
	f.StudentAccessTokenManagement = e == Era2
	return f
}

// Era returns the era being played.
func (w *World) Era() Era {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.era
}

// SetEra changes the era and puts every flag at that era's default. An unknown
// era is refused by panic; it is a mistake in the calling test.
func (w *World) SetEra(e Era) {
	if !e.valid() {
		panic("canvastest: unknown era " + string(e))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.era, w.flags = e, DefaultFlags(e)
}

// Flags returns the switches as they stand.
func (w *World) Flags() Flags {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flags.clone()
}

func (f Flags) clone() Flags {
	f.CappedUsers = maps.Clone(f.CappedUsers)
	f.KeyScopes = slices.Clone(f.KeyScopes)
	return f
}

// UpdateFlags changes switches under the world's lock.
func (w *World) UpdateFlags(change func(*Flags)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.flags)
}

// managedLocked says whether admins may manage tokens of others at all.
func (w *World) managedLocked() bool { return w.era.since(Era3) || w.flags.AdminManageAccessTokens }

// listingLocked says whether the listing endpoint and the view permission exist.
func (w *World) listingLocked() bool {
	return w.era.since(Era3) || w.era == Era2 && w.flags.StudentAccessTokenManagement
}

// deniedStatusLocked is the status of "signed in but not allowed".
func (w *World) deniedStatusLocked() int {
	if w.era.since(Era3) || w.flags.APIAuthErrorUpdates {
		return 403
	}
	return 401
}

// featuresLocked are the feature options that are on in the root account.
func (w *World) featuresLocked() []any {
	names := []any{"new_user_tutorial_on_off", "rce_enhancements"}
	if !w.era.since(Era3) && w.flags.AdminManageAccessTokens {
		names = append(names, "admin_manage_access_tokens")
	}
	return names
}
