package canvastest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// ManageHandler answers the management port, apart from Canvas's own hosts. It
// takes and gives JSON, speaks of people, courses, accounts and roles by their
// keys, and needs no credential: give it a loopback listener only.
//
//	GET    /state                 everything, without secrets
//	GET    /requests              the request log;  DELETE empties it
//	POST   /faults                a Fault, durations as "1.5s";  DELETE clears
//	PUT    /era                   {"era":"E2"}
//	PATCH  /flags                 some members of Flags, durations in nanoseconds
//	POST   /clock/advance         {"by":"72h"}
//	POST   /admins                {"user","account","role"};  DELETE demotes
//	PUT    /roles/permission      {"role","permission","on"}
//	POST   /enrollments           {"user","course","role","state"}
//	PATCH  /enrollments           {"user","course","state"}
//	POST   /users/merge           {"from","into"}
//	PUT    /users/login           {"user","state"}
//	POST   /tokens                {"user","purpose","expires_in","app"}, a foreign token; with app, that of an application
//	POST   /tokens/activate       {"user","token"}
//	PATCH  /switches              any of Switches, by field name
//	DELETE /tokens                {"token"}, behind the tool's back
//	PATCH  /tokens                {"token","expires_in","purpose","used","regenerate"}, behind the tool's back
//	PATCH  /courses               {"course","state","ends_in"}
//	DELETE /users                 {"user"}
//	POST   /reports/fail          the next report ends in "error"
//	GET    /throttle              {"refused"}, calls refused for their rate
//	PUT    /throttle              {"method","route","cost"}; without a route for all
//
// It answers 204, or 400 with {"error"}; a page that drives it from another
// origin is refused.
func (s *Server) ManageHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		reply{status: http.StatusOK, body: s.state()}.write(w, true)
	})
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Requests()) })
	mux.HandleFunc("DELETE /requests", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearRequests()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /reports/fail", func(w http.ResponseWriter, _ *http.Request) {
		s.FailNextReport()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /faults", order(s.orderFault))
	mux.HandleFunc("PUT /era", order(s.orderEra))
	mux.HandleFunc("PATCH /flags", s.patchFlags)
	mux.HandleFunc("PATCH /switches", s.patchSwitches)
	mux.HandleFunc("POST /clock/advance", order(s.orderAdvance))
	mux.HandleFunc("POST /admins", order(s.orderPromotion))
	mux.HandleFunc("DELETE /admins", order(s.orderDemotion))
	mux.HandleFunc("PUT /roles/permission", order(s.orderPermission))
	mux.HandleFunc("POST /enrollments", order(s.orderEnrollment))
	mux.HandleFunc("PATCH /enrollments", order(s.orderEnrollmentState))
	mux.HandleFunc("POST /users/merge", order(s.orderMerge))
	mux.HandleFunc("PUT /users/login", order(s.orderLogin))
	mux.HandleFunc("POST /tokens", order(s.orderToken))
	mux.HandleFunc("DELETE /tokens", order(s.orderTokenDeletion))
	mux.HandleFunc("PATCH /tokens", order(s.orderTokenChange))
	mux.HandleFunc("PATCH /courses", order(s.orderCourse))
	mux.HandleFunc("DELETE /users", order(s.orderUserDeletion))
	mux.HandleFunc("GET /throttle", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]int{"refused": s.Throttled()}) })
	mux.HandleFunc("PUT /throttle", order(s.orderCost))
	mux.HandleFunc("POST /tokens/activate", order(s.orderActivation))
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(BannerHeader, Banner)
		protected.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // the caller has gone if this fails
}

func refuseOrder(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// order decodes one order strictly and carries it out.
func order[T any](carryOut func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o T
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&o)
		if err == nil {
			err = carryOut(o)
		}
		if err != nil {
			refuseOrder(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// duration is a time.Duration that reads "1.5s".
type duration time.Duration

// UnmarshalText reads the duration as time.ParseDuration does.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

type faultOrder struct {
	Fault
	Delay duration `json:"delay"`
}

func (s *Server) orderFault(o faultOrder) error {
	o.Fault.Delay = time.Duration(o.Delay)
	s.Fail(o.Fault)
	return nil
}

func (s *Server) orderEra(o struct {
	Era Era `json:"era"`
},
) error {
	if !o.Era.valid() {
		return fmt.Errorf("unknown era %q", o.Era)
	}
	s.world.SetEra(o.Era)
	return nil
}

func (s *Server) patchFlags(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	flags := s.world.Flags()
	if err := decoder.Decode(&flags); err != nil {
		refuseOrder(w, err)
		return
	}
	s.world.UpdateFlags(func(f *Flags) { *f = flags })
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) orderAdvance(o struct {
	By duration `json:"by"`
},
) error {
	s.world.Clock.Advance(time.Duration(o.By))
	return nil
}

type adminOrder struct {
	User    string `json:"user"`
	Account string `json:"account"`
	Role    string `json:"role"`
}

func (s *Server) orderPromotion(o adminOrder) error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	_, err := s.world.addAdminLocked(o.User, orElse(o.Account, "root"), orElse(o.Role, "account-admin"))
	return err
}

func (s *Server) orderDemotion(o adminOrder) error {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	u, a := w.userByKeyLocked(o.User), w.accountByKeyLocked(orElse(o.Account, "root"))
	if u == nil || a == nil || w.removeAdminLocked(u, a) == 0 {
		return errors.New("no such admin")
	}
	return nil
}

func (s *Server) orderPermission(o struct {
	Role       string `json:"role"`
	Permission string `json:"permission"`
	On         bool   `json:"on"`
},
) error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	r := s.world.roleByKeyLocked(o.Role)
	if r == nil {
		return fmt.Errorf("no role with key %q", o.Role)
	}
	r.Permissions[o.Permission] = o.On
	return nil
}

type enrollmentOrder struct {
	User   string `json:"user"`
	Course string `json:"course"`
	Role   string `json:"role"`
	State  string `json:"state"`
}

func (s *Server) orderEnrollment(o enrollmentOrder) error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	_, err := s.world.enrollLocked(o.User, o.Course, o.Role, orElse(o.State, StateActive))
	return err
}

func (s *Server) orderEnrollmentState(o enrollmentOrder) error {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c := w.userByKeyLocked(o.User), w.courseByKeyLocked(o.Course)
	if u == nil || c == nil || o.State == "" || w.setEnrollmentStateLocked(u, c, o.State) == 0 {
		return errors.New("no such enrollment")
	}
	return nil
}

func (s *Server) orderMerge(o struct {
	From string `json:"from"`
	Into string `json:"into"`
},
) error {
	return s.world.MergeUsers(o.From, o.Into)
}

func (s *Server) orderLogin(o struct {
	User  string `json:"user"`
	State string `json:"state"`
},
) error {
	if !s.world.hasUser(o.User) || !slices.Contains([]string{StateActive, StateSuspended, StateDeleted}, o.State) {
		return errors.New("no such user or state")
	}
	s.world.SetLoginState(o.User, o.State)
	return nil
}

func (w *World) hasUser(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.userByKeyLocked(key) != nil
}

func (s *Server) orderToken(o struct {
	User      string   `json:"user"`
	Purpose   string   `json:"purpose"`
	ExpiresIn duration `json:"expires_in"`
	App       string   `json:"app"`
},
) error {
	if !s.world.hasUser(o.User) {
		return fmt.Errorf("no user with key %q", o.User)
	}
	spec := TokenSpec{Purpose: o.Purpose, AppName: o.App}
	if o.ExpiresIn != 0 {
		spec.ExpiresAt = s.world.Clock.Now().Add(time.Duration(o.ExpiresIn))
	}
	s.world.SeedToken(o.User, spec)
	return nil
}

type tokenOrder struct {
	User  string `json:"user"`
	Token ID     `json:"token,string"`
}

func (s *Server) orderTokenDeletion(o tokenOrder) error {
	if !s.world.DeleteTokenBehind(o.Token) {
		return errors.New("no such token")
	}
	return nil
}

func (s *Server) orderActivation(o tokenOrder) error {
	if !s.world.hasUser(o.User) {
		return fmt.Errorf("no user with key %q", o.User)
	}
	return s.ActivateAs(o.User, o.Token)
}
