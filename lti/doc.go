// Package lti is the tool's side of LTI 1.3: it receives launches from a learning
// management system, such as Canvas, and proves who launches what, in which
// browser. It needs the standard library and jwx, renders nothing, and keeps its
// rows wherever the caller's StateStore and RegistrationStore do; the packages
// memstore and sqlstore have both.
//
// # A launch
//
// The platform sends the browser to HandleLogin. That seals a state, ties it to
// the browser, and sends the browser to the platform's authentication endpoint,
// from where it comes back with a signed id_token, to HandleLaunch. If everything
// holds, Pages.Launched gets a Launch and creates the caller's session. Whatever
// does not hold ends in Pages.Refused with one of a closed list of reasons and a
// reference that the log has too. See the example for the wiring.
//
// The rules are those of LTI core 1.3 and the 1EdTech Security Framework 1.0, the
// certification suite's bad launches, and facts about Canvas; each taken at its
// strictest. Some that are easy to miss:
//
//   - The algorithm is RS256, because we say so and not because the token does.
//     Keys that come with a token are not read, a crit header is refused, and a kid
//     that two keys share verifies nothing.
//   - The login fixes the registration. A token is measured against that one only,
//     however many tenants share an issuer or a key set.
//   - A token has one spelling: no padding, no line breaks, no stray bits; no JSON
//     member twice or in another letter case, no form field twice.
//   - A login stores nothing: what must be remembered of it travels in the state,
//     sealed by StateKeys. The first row is written when a token has proved good:
//     its nonce, as a digest, by one statement that succeeds once, so that neither
//     a race of sixteen nor a forged post gains or destroys anything.
//   - An anonymous launch, which names nobody and has no sub (LTI core 1.3
//     §5.3.6.1), is refused with ReasonAnonymous: every Launch is somebody's, so
//     that no caller can take all strangers for one person with an empty id. A
//     sub that is there and unusable is ReasonSubject.
//   - An iat may be ten minutes old: Canvas stamps it when it renders the login
//     form, and holds it for up to five.
//
// # What a signed launch does not prove
//
// A user chooses the placement and the target_link_uri of their launch. A teacher
// who may create resource links chooses its custom parameters, which override the
// tool's own: Launch.CustomTrusted says when that was impossible, which can be
// told of Canvas only (Registration.Canvas). A custom value
// that still reads $Something was not answered (Custom.Text reports it missing).
// Institution roles say nothing about a course. The same client id can be deployed
// again by people with less authority: look at Launch.RootDeployment.
//
// # The browser that began
//
// A token proves who launches, but not that the browser which delivers it is
// theirs. Without that, somebody could keep their own launch back and have a
// victim's browser deliver it: the victim would then work in the attacker's
// account, and type their secrets into it. So a login is tied to its browser, and
// no session exists before that tie has been checked. There are two ways.
//
// A cookie, __Host-lti_…, one for each login, so that two tabs can launch at once;
// partitioned, so that it returns inside a frame where other third-party cookies
// are blocked. It suffices wherever it comes back.
//
// Where it does not, and the platform announced storage (lti_storage_target), a
// page of ours asks the platform's storage frame for what the login left there.
// That storage is weaker than a cookie, and the design must allow for it. In
// Canvas's code all tools share one bucket, and a page inside Canvas can send
// messages to the frame as we do. So:
//
//   - Nothing secret enters it. The key and the value are digests of random
//     values, made for one login. Neither leads back to the state, to the nonce or
//     to the cookie; knowing them helps only whoever also holds a verified launch
//     that waits for them, and its handle is known to the one page that asks. They
//     are deleted after use.
//   - Nothing in it is trusted. The value is compared, in constant time, with a
//     digest in the held launch. A wrong value uses the launch up.
//   - The value can be planted. An attacker learns their own login's key and value,
//     and a hostile frame inside Canvas could write both into a victim's storage
//     before it delivers the attacker's launch. Therefore the login leaves a second
//     value in our own origin's sessionStorage, which nobody else can write; where
//     the browser has such storage, that value must be there as well. Only in a
//     browser that blocks cookies and all storage of ours is the platform's storage
//     the whole proof.
//   - The proof must come from our page (Sec-Fetch-Site, or Origin). Otherwise the
//     attacker could carry the whole proof out alone, up to its last request, and
//     have the victim's browser send that.
//
// Messages go to the authentication endpoint's origin only, or to a registered
// origin of the platform as our parent, if the frame does not answer within a
// second and a half; never to any origin. A platform that never answers costs the
// person a few seconds, after which the cookie decides, or else Pages.Refused,
// with Refusal.RelaunchURL to open the tool in a tab of its own, where cookies are
// first-party.
//
// A held launch waits in the StateStore for at most five minutes; it contains
// personal data, which no page shows before the proof.
//
// # What callers must bound and clean
//
// Anybody can send login requests, and each costs one question to the
// RegistrationStore. The caller keeps the StateKeys as it keeps other secrets, runs
// StateStore.PurgeStates every few minutes, and gives KeySets, ServiceTokens,
// NamesRoles and DynamicRegistration an http.Client whose transport reaches only
// the addresses that it should.
//
// # Beside launches
//
// SigningKeys and KeySetHandler are the tool's own keys. ServiceTokens and
// NamesRoles read a course's members. Profile.Configuration and
// DynamicRegistration tell a platform about the tool; what Discover and Register
// answer makes a Registration (PlatformConfiguration.Registration). There is a
// runnable example of each, with a small platform to try it on.
//
// # Hosts
//
// A host is written in one way, by this package and by its callers: as in the
// origin of a page, lower case, with its port unless that is the scheme's own
// (443, and 80 for http on loopback), an IPv6 address in brackets. HostOf gives
// it of a URL. So are Registration.RosterHosts, which Validate checks, and what
// DynamicRegistration.TrustHost is asked about; FrameOrigins are the same with
// the scheme before them.
//
// # What is not here
//
// Of LTI Advantage: deep linking (LtiDeepLinkingRequest is refused as
// ReasonMessageType), and assignments and grades (no line items, scores or results).
// Of its beginnings: LTI 1.1 and its migration claims. ServiceTokens gets a token for
// any scope, so that a caller can speak to such services by itself.
package lti
