package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source"
)

// unavailable is for regions that do not answer, or answer with a server error.
func (q question) unavailable(how string) *source.Error {
	return &source.Error{Kind: source.RegionUnavailable, Explanation: fmt.Sprintf(
		"%s could not be reached (%s): it is tried again by itself; if it lasts, look at the network path, "+
			"the VPC endpoint, the region's name and the AWS Health Dashboard", q.endpoint(), how)}
}

// endpoint names the region and, once it is known, the host.
func (q question) endpoint() string {
	if q.host == "" {
		return "Secrets Manager in " + q.region
	}
	return fmt.Sprintf("Secrets Manager in %s at %s", q.region, q.host)
}

// howUnreachable says in a few words what failed between here and there. The error's own text has
// addresses and ports in it, which differ from try to try.
func howUnreachable(err error, timeout time.Duration) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var unreadable *smithy.DeserializationError
	var slow net.Error
	switch {
	case errors.As(err, &name) && !name.IsTimeout:
		return fmt.Sprintf("no address is known for the name %s", name.Name)
	case errors.As(err, &certificate):
		return "its TLS certificate is not trusted"
	case errors.Is(err, errTooLong):
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
