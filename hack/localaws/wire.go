package localaws

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// awsError is an error response.
type awsError struct {
	code    string
	message string
	status  int
}

func (e *awsError) Error() string { return e.code + ": " + e.message }

func refuse(code, format string, args ...any) *awsError {
	return &awsError{code: code, message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

// request is a call, with what is known of it so far.
type request struct {
	// id is AWS's id of the request, in the answer's header and in CloudTrail's record.
	id        string
	operation string
	// accessKeyID that the caller claims.
	accessKeyID string
	caller      Principal
	at          place
	body        []byte
	userAgent   string
	// as is the caller's identity in IAM; nil if only rules limit the caller.
	as *actor
	// input gives condition keys to policies; nil if it has none.
	input conditioned
	// assumed is the role that the caller requests.
	assumed string
	// on is the secret that the call is about, once it is found.
	on *secret
	// ignored says that the call changes nothing, because it repeats an earlier call.
	ignored bool
	// sees is the view of a stale read on the secrets; nil means their latest state.
	sees *view
	// read are the ARNs of the secrets whose values the answer holds.
	read []string
}

// asRefusal finds the refusal in an error.
func asRefusal(err error) (*awsError, bool) { return errors.AsType[*awsError](err) }

func (r *request) decode(into any) error {
	if err := json.Unmarshal(r.body, into); err != nil {
		return refuse("SerializationException", "the request's body is not what %s takes", r.operation)
	}
	return nil
}

// credential finds the access key ID and the region in the Authorization header of Signature Version 4.
var credential = regexp.MustCompile(`Credential=([^/]+)/\d+/([^/]+)/`)

// maxBody is more than the largest request, a batch of SQS with bodies that JSON escapes.
const maxBody = 4 << 20

// ServeHTTP answers Secrets Manager and SQS (by their X-Amz-Target header) and STS and IAM (by their form).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "reading the request failed", http.StatusBadRequest)
		return
	}
	if strings.HasPrefix(r.URL.Path, adminPath) {
		s.serveAdmin(w, r, body)
		return
	}
	call := &request{id: newUUID(), body: body, userAgent: r.UserAgent() + " " + r.Header.Get("X-Amz-User-Agent")}
	w.Header().Set("X-Amzn-RequestId", call.id)
	target := r.Header.Get("X-Amz-Target")
	if target == "" {
		s.serveQuery(w, r, call)
		return
	}
	service, operation, _ := strings.Cut(target, ".")
	call.operation = operation
	if service == sqsTarget {
		s.serveSQS(w, r, call)
		return
	}
	answer, err := s.answer(r, call)
	if errors.Is(err, errCut) {
		panic(http.ErrAbortHandler) // The way to cut a connection in net/http.
	}
	if errors.Is(err, errHalf) {
		writeHalf(w, answer)
	}
	writeJSON(w, answer, err)
}

// answer runs a call of Secrets Manager. Faults and quotas apply first, as with the real service.
func (s *Server) answer(r *http.Request, call *request) (any, error) {
	operation, known := operations()[call.operation]
	if !known {
		return nil, refuse("UnknownOperationException", "")
	}
	err := s.reach(r, call, "secretsmanager")
	if err == nil {
		err = s.authenticate(r, call, jsonProtocol())
	}
	if err == nil {
		err = s.beforeCall(r.Context(), call)
	}
	var answer any
	if err == nil || errors.Is(err, errHalf) {
		var refused error
		if answer, refused = operation(s, call); refused != nil {
			err = refused
		}
		s.trail(call, answer, refused)
	}
	s.record(call, err)
	return answer, err
}

// identify finds the caller and the region. An unknown key counts as the account's root user.
//
// It says whether that is final: it is for keys of AddPrincipal, and while IAM has no identities.
func (s *Server) identify(authorization string, call *request) (settled bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	settled = !s.iam.strict
	call.caller = Principal{Account: s.account(), ARN: newARN(Partition(s.region()), "iam", "", s.account(), "root")}
	call.at = place{account: call.caller.Account, region: s.region()}
	if found := credential.FindStringSubmatch(authorization); found != nil {
		call.accessKeyID, call.at.region = found[1], found[2]
		call.caller.ARN = newARN(Partition(call.at.region), "iam", "", call.caller.Account, "root")
		if known, trusted := s.principals[found[1]]; trusted {
			call.caller, call.at.account, settled = known, known.Account, true
		}
	}
	return settled
}

func writeJSON(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err != nil {
		var refusal *awsError
		if !errors.As(err, &refusal) {
			refusal = &awsError{code: "InternalServiceError", message: err.Error(), status: http.StatusInternalServerError}
		}
		w.WriteHeader(refusal.status)
		answer = map[string]string{"__type": refusal.code, "Message": refusal.message}
	}
	_ = json.NewEncoder(w).Encode(answer) // An error means that the client is gone.
}

// writeHalf announces an answer, and cuts the connection in the middle of it.
func writeHalf(w http.ResponseWriter, answer any) {
	whole, err := json.Marshal(answer)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
	_, _ = w.Write(whole[:len(whole)/2])      // An error means that the client is gone, which is as good.
	_ = http.NewResponseController(w).Flush() // Likewise.
	panic(http.ErrAbortHandler)
}

// epoch writes a time as Secrets Manager does: seconds with a fraction.
type epoch time.Time

func (e epoch) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(time.Time(e).UnixMilli())/1000), nil
}

func epochOrNil(at time.Time) *epoch {
	if at.IsZero() {
		return nil
	}
	stamp := epoch(at)
	return &stamp
}

func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // Never fails (package crypto/rand).
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
