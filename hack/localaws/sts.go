package localaws

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"time"
)

const (
	stsNamespace     = "https://sts.amazonaws.com/doc/2011-06-15/"
	stsAudience      = "sts.amazonaws.com"
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
	Audience                    string `xml:",omitempty"`
	Provider                    string `xml:",omitempty"`
	SourceIdentity              string `xml:",omitempty"`
}

func (s *Server) sts(r *http.Request, call *request, form url.Values) (any, error) {
	if err := s.reach(r, call, "sts"); err != nil {
		return nil, err
	}
	if call.operation == "AssumeRoleWithWebIdentity" {
		s.identify("", call) // Its token replaces a signature.
	} else if err := s.authenticate(r, call, queryProtocol()); err != nil {
		return nil, err
	}
	if err := s.beforeCall(r.Context(), call); err != nil {
		return nil, err
	}
	if err := s.activated(call); err != nil {
		return nil, err
	}
	switch call.operation {
	case "GetCallerIdentity":
		identity := struct{ Arn, UserId, Account string }{call.caller.ARN, "AIDALOCAL", call.caller.Account}
		if call.as != nil {
			identity.UserId = call.as.UserID
		}
		return identity, nil
	case "AssumeRole":
		return s.assumeRole(call, form)
	case "AssumeRoleWithWebIdentity":
		return s.assumeRoleWithWebIdentity(r.Context(), call, form)
	}
	return nil, refuse("InvalidAction", "Could not find operation %s for version 2011-06-15", call.operation)
}

// activated refuses calls in regions where STS is not activated.
func (s *Server) activated(call *request) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.iam.disabled[call.at.region] {
		return nil
	}
	return &awsError{code: "RegionDisabledException", status: http.StatusForbidden,
		message: "STS is not activated in this region for account:" + call.at.account + ". Your account administrator can activate STS in this region using the IAM Console."}
}

func writeXML(w http.ResponseWriter, namespace, operation string, result any, err error) {
	w.Header().Set("Content-Type", "text/xml")
	if err != nil {
		var refusal *awsError
		if !errors.As(err, &refusal) {
			refusal = &awsError{code: "InternalFailure", message: err.Error(), status: http.StatusInternalServerError}
		}
		w.WriteHeader(refusal.status)
		_ = xml.NewEncoder(w).Encode(struct { // An error means that the client is gone.
			XMLName xml.Name `xml:"ErrorResponse"`
			Xmlns   string   `xml:"xmlns,attr"`
			Error   struct{ Type, Code, Message string }
		}{Xmlns: namespace, Error: struct{ Type, Code, Message string }{"Sender", refusal.code, refusal.message}})
		return
	}
	encoder := xml.NewEncoder(w)
	response := xml.StartElement{Name: xml.Name{Local: operation + "Response"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace}}}
	_ = encoder.EncodeToken(response)
	_ = encoder.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: operation + "Result"}})
	_ = encoder.EncodeToken(response.End())
	_ = encoder.Flush()
}
