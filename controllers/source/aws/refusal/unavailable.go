package refusal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source"
)

// outage is what failed between here and an endpoint.
type outage struct {
	// how it failed, in a few words that are the same for each try.
	how string
	// advice is what to do about it; empty where only the way there can be looked at.
	advice string
}

// unavailable is for regions that do not answer, or answer with a server error.
func (c Call) unavailable(failed outage) *source.Error {
	advice := failed.advice
	if advice == "" {
		advice = "look at the network path, the VPC endpoint, the region's name and the AWS Health Dashboard"
	}
	return &source.Error{Kind: source.RegionUnavailable, Explanation: fmt.Sprintf(
		"%s could not be reached (%s): it is tried again by itself; if it lasts, %s", c.endpoint(), failed.how, advice)}
}

// endpoint names the region and, once it is known, the host.
func (c Call) endpoint() string {
	if c.Host == "" {
		return "Secrets Manager in " + c.Region
	}
	return fmt.Sprintf("Secrets Manager in %s at %s", c.Region, c.Host)
}

// outageOf says what failed between here and there. A proxy is named wherever there is one.
func (c Call) outageOf(err error) outage {
	proxy := c.proxyFor(err)
	if failed, ok := c.proxyOutage(err, proxy); ok {
		return failed
	}
	failed, ok := certificateOutage(err)
	switch {
	case ok:
	case errors.Is(err, http.ErrSchemeMismatch):
		failed = outage{"it speaks HTTP, and HTTPS was spoken to it", "correct the scheme or the port of the endpoint (AWS_ENDPOINT_URL)"}
	default:
		failed = outage{how: howUnreachable(err, c.Timeout)}
	}
	if proxy != "" {
		failed.how += ", through proxy " + proxy
		if failed.advice == "" {
			failed.advice = fmt.Sprintf("look at the proxy, which %s names, and at the way from there to AWS", proxyVariable(targetOf(err)))
		}
	} else if variable := ignoredProxy(targetOf(err)); variable != "" {
		failed.advice = fmt.Sprintf("correct %s: it is no address, so that no proxy is used", variable)
	}
	return failed
}

// answeredWith is a server error, of AWS or of a proxy on the way.
func (c Call) answeredWith(what string, err error) outage {
	failed := outage{how: "it answered with " + what}
	if proxy := c.proxyFor(err); proxy != "" {
		failed.how += ", through proxy " + proxy
	}
	return failed
}

// howUnreachable says in a few words what failed between here and there. The error's own text has
// addresses and ports in it, which differ from try to try.
func howUnreachable(err error, timeout time.Duration) string {
	var name *net.DNSError
	var unreadable *smithy.DeserializationError
	var slow net.Error
	switch {
	case errors.As(err, &name) && !name.IsTimeout:
		return fmt.Sprintf("no address is known for the name %s", name.Name)
	case errors.Is(err, ErrTooLong):
		return "its answer is longer than any answer of AWS"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return fmt.Sprintf("no answer within %s", timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to it"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed):
		return "the connection was cut"
	case errors.As(err, &unreadable):
		return "its answer could not be understood"
	}
	return "the connection failed"
}
