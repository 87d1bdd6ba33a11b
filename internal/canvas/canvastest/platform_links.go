package canvastest

import (
	"maps"
	"net/http"
	"slices"
)

// ResourceLink is a stored LTI link of a course. Its custom parameters
// override the tool's own in a launch through it: the forgery path.
type ResourceLink struct {
	Course    ID
	ToolID    ID // 0: any tool of the course
	Title     string
	TargetURI string // empty means the tool's
	Custom    map[string]string
	UUID      string // resource_link.id and lookup uuid
}

// AddResourceLink stores a link in the course with this key and returns its
// lookup uuid.
func (s *Server) AddResourceLink(course string, link ResourceLink) string {
	link.Course = s.world.Course(course).ID
	link.UUID = randomUUID()
	link.Custom = maps.Clone(link.Custom)
	p := &s.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links[link.UUID] = &link
	return link.UUID
}

// createResourceLink is POST /api/v1/courses/:course_id/lti_resource_links:
// whoever may add tools and assignments in the course, as teachers commonly
// may, stores a link with custom parameters of their choice
// (app/controllers/lti/resource_links_controller.rb).
func createResourceLink(c *call) reply {
	course := c.w.findCourseLocked(c.value("course_id"))
	if course == nil {
		return notFound()
	}
	for _, permission := range []string{PermManageLTI, PermManageAssignments} {
		if !c.may(course.AccountID, permission) && !c.mayInCourse(course, permission) {
			return c.denied()
		}
	}
	s, target := c.s, c.params.text("url")
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	tool, _, err := s.findToolLocked(launchAsk{at: place{"course", course.ID}, retrieve: target})
	if err != nil {
		return errorList(http.StatusBadRequest, "No tool found for the provided URL")
	}
	link := &ResourceLink{
		Course: course.ID, ToolID: tool.id, Title: c.params.text("title"), TargetURI: target,
		Custom: map[string]string{}, UUID: randomUUID(),
	}
	custom := c.params.hash("custom")
	for name := range custom {
		link.Custom[name] = custom.text(name)
	}
	s.platform.links[link.UUID] = link
	return ok(object{
		"context_id": course.ID, "context_type": "Course", "context_external_tool_id": tool.id, "lookup_uuid": link.UUID,
		"resource_link_uuid": link.UUID, "title": orNull(link.Title), "url": target, "workflow_state": StateActive,
		"canvas_launch_url": c.origin + "/courses/" + course.ID.String() +
			"/external_tools/retrieve?resource_link_lookup_uuid=" + link.UUID,
	})
}

// mayInCourse says whether a current course role of the caller holds the
// permission.
func (c *call) mayInCourse(course *Course, permission string) bool {
	return slices.ContainsFunc(c.w.currentEnrollmentsLocked(c.current.ID, course.ID), func(e *Enrollment) bool {
		return c.w.roles.get(e.RoleID).Permissions[permission]
	})
}
