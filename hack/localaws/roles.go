package localaws

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

const (
	iamVersion   = "2010-05-08"
	iamNamespace = "https://iam.amazonaws.com/doc/" + iamVersion + "/"
)

// roleDescription is a role as IAM describes it.
type roleDescription struct {
	Path, RoleName, RoleId, Arn, CreateDate string
	// AssumeRolePolicyDocument is URL-encoded.
	AssumeRolePolicyDocument string
	MaxSessionDuration       int
}

// roleOperation is an operation of IAM on a role.
type roleOperation struct {
	// parameters that it supports, in addition to RoleName.
	parameters []string
	run        func(s *Server, arn string, form url.Values) (any, error)
}

// roleOperations are the operations of IAM that installing the operator needs, by name.
func roleOperations() map[string]roleOperation {
	return map[string]roleOperation{
		"CreateRole":       {[]string{"AssumeRolePolicyDocument", "Description", "MaxSessionDuration"}, (*Server).createRole},
		"GetRole":          {nil, (*Server).getRole},
		"DeleteRole":       {nil, (*Server).deleteRole},
		"PutRolePolicy":    {[]string{"PolicyName", "PolicyDocument"}, (*Server).putRolePolicy},
		"DeleteRolePolicy": {[]string{"PolicyName"}, (*Server).deleteRolePolicy},
	}
}

// iamAPI answers a call of IAM in the Query protocol.
func (s *Server) iamAPI(r *http.Request, call *request, form url.Values) (any, error) {
	operation, known := roleOperations()[call.operation]
	if !known {
		return nil, refuse("InvalidAction", "Could not find operation %s for version %s", call.operation, iamVersion)
	}
	p := queryProtocol()
	p.service = "iam"
	if err := s.reach(r, call, p.service); err != nil {
		return nil, err
	}
	if err := s.authenticate(r, call, p); err != nil {
		return nil, err
	}
	if err := s.beforeCall(r.Context(), call); err != nil {
		return nil, err
	}
	for parameter := range form {
		if !slices.Contains([]string{"Action", "Version", "RoleName"}, parameter) && !slices.Contains(operation.parameters, parameter) {
			return nil, refuse("InvalidInput", "the local AWS does not support the parameter %s of %s", parameter, call.operation)
		}
	}
	if form.Get("RoleName") == "" {
		return nil, refuse("ValidationError", "The request must contain the parameter RoleName.")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	arn := newARN(Partition(call.at.region), "iam", "", call.at.account, "role/"+form.Get("RoleName"))
	if err := s.allow(call, "iam:"+call.operation, arn, nil); err != nil {
		return nil, assumeDenied(err)
	}
	return operation.run(s, arn, form)
}

func (s *Server) createRole(arn string, form url.Values) (any, error) {
	name := form.Get("RoleName")
	if s.iam.roles[arn] != nil {
		return nil, &awsError{code: "EntityAlreadyExists", message: "Role with name " + name + " already exists.", status: http.StatusConflict}
	}
	made := &role{
		Role: Role{Account: accountOf(arn), Partition: partitionIn(arn), Name: name, TrustPolicy: form.Get("AssumeRolePolicyDocument"), MaxSession: sessionDefault},
		arn:  arn, id: "AROA" + randomPassword(uppercase, 16), created: s.now(),
	}
	if asked := form.Get("MaxSessionDuration"); asked != "" {
		seconds, err := strconv.Atoi(asked)
		if err != nil || seconds < int(sessionDefault.Seconds()) || seconds > durationMost {
			return nil, refuse("ValidationError", "MaxSessionDuration must be between 3600 and %d", durationMost)
		}
		made.MaxSession = time.Duration(seconds) * time.Second
	}
	var err error
	if made.trust, err = iam.ParseResource(made.TrustPolicy); err != nil {
		return nil, malformedDocument(err)
	}
	put(&s.iam.roles, arn, made)
	s.iam.strict = true
	return struct{ Role roleDescription }{made.describe()}, nil
}

func malformedDocument(err error) error {
	return refuse("MalformedPolicyDocument", "This policy contains invalid Json or an element that IAM does not know: %v", err)
}

func (r *role) describe() roleDescription {
	return roleDescription{
		Path: "/", RoleName: r.Name, RoleId: r.id, Arn: r.arn, CreateDate: r.created.UTC().Format(time.RFC3339),
		AssumeRolePolicyDocument: url.QueryEscape(r.TrustPolicy), MaxSessionDuration: int(r.MaxSession.Seconds()),
	}
}

// findRole finds a role by its ARN. The mutex must be held.
func (s *Server) findRole(arn string, form url.Values) (*role, error) {
	if found := s.iam.roles[arn]; found != nil {
		return found, nil
	}
	return nil, missingEntity("The role with name %s cannot be found.", form.Get("RoleName"))
}

func missingEntity(format, name string) error {
	return &awsError{code: "NoSuchEntity", message: fmt.Sprintf(format, name), status: http.StatusNotFound}
}

func (s *Server) getRole(arn string, form url.Values) (any, error) {
	found, err := s.findRole(arn, form)
	if err != nil {
		return nil, err
	}
	return struct{ Role roleDescription }{found.describe()}, nil
}

func (s *Server) deleteRole(arn string, form url.Values) (any, error) {
	found, err := s.findRole(arn, form)
	if err != nil {
		return nil, err
	}
	if len(found.inline) > 0 {
		return nil, &awsError{code: "DeleteConflict", message: "Cannot delete entity, must delete policies first.", status: http.StatusConflict}
	}
	delete(s.iam.roles, arn)
	return struct{}{}, nil
}

func (s *Server) putRolePolicy(arn string, form url.Values) (any, error) {
	found, err := s.findRole(arn, form)
	if err != nil {
		return nil, err
	}
	if form.Get("PolicyName") == "" {
		return nil, refuse("ValidationError", "The request must contain the parameter PolicyName.")
	}
	inline := maps.Clone(found.inline)
	put(&inline, form.Get("PolicyName"), form.Get("PolicyDocument"))
	if err := found.setInline(inline); err != nil {
		return nil, malformedDocument(err)
	}
	return struct{}{}, nil
}

func (s *Server) deleteRolePolicy(arn string, form url.Values) (any, error) {
	found, err := s.findRole(arn, form)
	if err != nil {
		return nil, err
	}
	inline := maps.Clone(found.inline)
	if _, exists := inline[form.Get("PolicyName")]; !exists {
		return nil, missingEntity("The role policy with name %s cannot be found.", form.Get("PolicyName"))
	}
	delete(inline, form.Get("PolicyName"))
	return struct{}{}, found.setInline(inline)
}

// setInline replaces the role's inline policies, by name, if all can be parsed.
func (r *role) setInline(inline map[string]string) error {
	policies, err := parseAll(slices.Concat(r.Policies, slices.Collect(maps.Values(inline))))
	if err != nil {
		return err
	}
	r.inline, r.policies = inline, policies
	return nil
}

// serveQuery answers IAM and STS, which share the Query protocol: a form, and XML.
func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request, call *request) {
	form, err := url.ParseQuery(string(call.body))
	if err != nil {
		http.Error(w, "the body is not a form", http.StatusBadRequest)
		return
	}
	call.operation = form.Get("Action")
	namespace, answer := stsNamespace, s.sts
	if form.Get("Version") == iamVersion {
		namespace, answer = iamNamespace, s.iamAPI
	}
	result, err := answer(r, call, form)
	s.record(call, err)
	if errors.Is(err, errCut) || errors.Is(err, errHalf) {
		panic(http.ErrAbortHandler)
	}
	writeXML(w, namespace, call.operation, result, err)
}
