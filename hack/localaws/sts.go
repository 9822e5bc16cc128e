package localaws

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	stsNamespace     = "https://sts.amazonaws.com/doc/2011-06-15/"
	sessionDefault   = time.Hour
	sessionKeyPrefix = "ASIALOCAL"
)

type credentials struct {
	AccessKeyId, SecretAccessKey, SessionToken, Expiration string
}

type assumedRole struct{ Arn, AssumedRoleId string }

type assumeResult struct {
	Credentials                 credentials
	AssumedRoleUser             assumedRole
	SubjectFromWebIdentityToken string `xml:",omitempty"`
}

// serveSTS answers the Query protocol: a form, and XML.
func (s *Server) serveSTS(w http.ResponseWriter, r *http.Request, call *request) {
	form, err := url.ParseQuery(string(call.body))
	if err != nil {
		http.Error(w, "the body is not a form", http.StatusBadRequest)
		return
	}
	call.operation = form.Get("Action")
	err = s.beforeCall(r.Context(), call)
	var result any
	if err == nil {
		result, err = s.sts(call, form)
	}
	s.record(call, err)
	if errors.Is(err, errCut) {
		panic(http.ErrAbortHandler)
	}
	writeXML(w, call.operation, result, err)
}

func (s *Server) sts(call *request, form url.Values) (any, error) {
	switch call.operation {
	case "GetCallerIdentity":
		return struct{ Arn, UserId, Account string }{call.caller.ARN, "AIDALOCAL", call.caller.Account}, nil
	case "AssumeRole":
		return s.assume(call, form, "sts:AssumeRole", "")
	case "AssumeRoleWithWebIdentity":
		subject, err := s.subject(form.Get("WebIdentityToken"))
		if err != nil {
			return nil, err
		}
		return s.assume(call, form, "sts:AssumeRoleWithWebIdentity", subject)
	}
	return nil, refuse("InvalidAction", "Could not find operation %s for version 2011-06-15", call.operation)
}

var (
	rolePattern    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):role/(.+)$`)
	sessionPattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

func (s *Server) assume(call *request, form url.Values, action, subject string) (any, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	role, session := form.Get("RoleArn"), form.Get("RoleSessionName")
	found := rolePattern.FindStringSubmatch(role)
	if found == nil {
		return nil, refuse("ValidationError", "%s is invalid", role)
	}
	if !sessionPattern.MatchString(session) {
		return nil, refuse("ValidationError", "Value at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*")
	}
	asking := *call
	if subject != "" {
		asking.caller.ARN = subject
	}
	if err := s.allow(&asking, action, role, nil); err != nil {
		return nil, s.assumeDenied(err, action)
	}
	lasts := sessionDefault
	if seconds, err := strconv.Atoi(form.Get("DurationSeconds")); err == nil {
		lasts = time.Duration(seconds) * time.Second
	}
	name := found[2][strings.LastIndex(found[2], "/")+1:]
	user := assumedRole{Arn: "arn:aws:sts::" + found[1] + ":assumed-role/" + name + "/" + session, AssumedRoleId: "AROALOCAL:" + session}
	key := sessionKeyPrefix + randomPassword(uppercase, 11)
	s.addPrincipal(key, Principal{Account: found[1], ARN: user.Arn})
	return assumeResult{
		Credentials: credentials{
			AccessKeyId: key, SecretAccessKey: randomPassword(lowercase+uppercase, 40), SessionToken: randomPassword(lowercase+uppercase, 64),
			Expiration: s.now().Add(lasts).UTC().Format(time.RFC3339),
		},
		AssumedRoleUser:             user,
		SubjectFromWebIdentityToken: subject,
	}, nil
}

// assumeDenied words a denial as STS does: for a web identity it does not name the caller.
func (s *Server) assumeDenied(err error, action string) error {
	refusal := &awsError{code: "AccessDenied", message: "Not authorized to perform " + action, status: http.StatusForbidden}
	var denied *awsError
	if action == "sts:AssumeRole" && errors.As(err, &denied) {
		refusal.message = denied.message
	}
	return refusal
}

// subject reads a web identity token. Its signature is not checked: whoever can reach this server
// may call anything anyway.
func (s *Server) subject(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", refuse("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", refuse("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
	}
	var claims struct {
		Sub string `json:"sub"`
		Aud any    `json:"aud"`
		Exp int64  `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", refuse("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
	}
	if claims.Exp != 0 && s.now().After(time.Unix(claims.Exp, 0)) {
		return "", refuse("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time.")
	}
	if slices.Contains(stringsIn(claims.Aud), "sts.amazonaws.com") {
		return claims.Sub, nil
	}
	return "", refuse("InvalidIdentityToken", "Incorrect token audience")
}

func writeXML(w http.ResponseWriter, operation string, result any, err error) {
	w.Header().Set("Content-Type", "text/xml")
	if err != nil {
		var refusal *awsError
		if !errors.As(err, &refusal) {
			refusal = &awsError{code: "InternalFailure", message: err.Error(), status: http.StatusInternalServerError}
		}
		w.WriteHeader(refusal.status)
		_ = xml.NewEncoder(w).Encode(struct { // The client is gone; nobody is left to tell.
			XMLName xml.Name `xml:"ErrorResponse"`
			Xmlns   string   `xml:"xmlns,attr"`
			Error   struct{ Type, Code, Message string }
		}{Xmlns: stsNamespace, Error: struct{ Type, Code, Message string }{"Sender", refusal.code, refusal.message}})
		return
	}
	encoder := xml.NewEncoder(w)
	response := xml.StartElement{Name: xml.Name{Local: operation + "Response"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: stsNamespace}}}
	_ = encoder.EncodeToken(response)
	_ = encoder.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: operation + "Result"}})
	_ = encoder.EncodeToken(response.End())
	_ = encoder.Flush()
}
