package localaws

import (
	"fmt"
	"net/http"
	"slices"
)

// Kinds of outages: how a region answers while it is down.
const (
	// OutageCut closes every connection without an answer. All regions share an address, so that connections cannot be
	// refused.
	OutageCut = "Cut"
	// OutageError answers 500 InternalServiceError.
	OutageError = "Error"
	// OutageUnavailable answers 503 ServiceUnavailable.
	OutageUnavailable = "Unavailable"
	// OutageHang does not answer until the caller gives up.
	OutageHang = "Hang"
)

// Outage takes services of a region down.
type Outage struct {
	// Region that is down, or a pattern. A call belongs to the region that it is signed for.
	Region string
	// Services that are down: secretsmanager, sqs or sts. Default: secretsmanager alone.
	Services []string
	// Kind is OutageCut, OutageError, OutageUnavailable or OutageHang. Default: OutageCut.
	Kind string
}

// SetOutages replaces the outages; without arguments it ends them. Calls that hang already keep hanging.
func (s *Server) SetOutages(outages ...Outage) error {
	for i := range outages {
		o := &outages[i]
		if o.Region == "" {
			return fmt.Errorf("setting outages: number %d names no region", i+1)
		}
		if o.Kind == "" {
			o.Kind = OutageCut
		}
		if !slices.Contains([]string{OutageCut, OutageError, OutageUnavailable, OutageHang}, o.Kind) {
			return fmt.Errorf("setting outages: number %d has the kind %q, which is none of Cut, Error, Unavailable and Hang", i+1, o.Kind)
		}
		if len(o.Services) == 0 {
			o.Services = []string{"secretsmanager"}
		}
		for _, service := range o.Services {
			if !slices.Contains([]string{"secretsmanager", "sqs", "sts"}, service) {
				return fmt.Errorf("setting outages: number %d has the service %q, which is none of secretsmanager, sqs and sts", i+1, service)
			}
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.outages = slices.Clone(outages)
	return nil
}

// down gives the kind of outage of a service in a region; empty if there is none. The mutex must be held.
func (s *Server) down(service, region string) (kind string) {
	for _, o := range s.outages {
		if like(o.Region, region) && slices.Contains(o.Services, service) {
			return o.Kind
		}
	}
	return ""
}

// reach returns an error if the called service is down in the called region, before authentication.
func (s *Server) reach(r *http.Request, call *request, service string) error {
	s.mutex.Lock()
	call.at = place{account: s.account(), region: s.region()}
	if found := credential.FindStringSubmatch(r.Header.Get("Authorization")); found != nil {
		call.at.region = found[2]
	}
	kind := s.down(service, call.at.region)
	s.mutex.Unlock()
	switch kind {
	case OutageCut:
		return errCut
	case OutageHang:
		<-r.Context().Done()
		return errCut
	case OutageError:
		return &awsError{code: "InternalServiceError", message: "An error occurred on the server side.", status: http.StatusInternalServerError}
	case OutageUnavailable:
		return &awsError{code: "ServiceUnavailable", message: "The service is unavailable.", status: http.StatusServiceUnavailable}
	}
	return nil
}
