// Package schemas holds the contracts that leadlog keeps with everybody else: the JSON Schema of the event, the AsyncAPI
// document of the topics, golden records of every version that was ever written, the OpenAPI document of the edge, and the
// JSON Schema of a landing page's site.json.
//
// Whoever wants to know what a byte in the topic means looks here; the code in events follows, and its tests check that it does.
package schemas

import "embed"

// Files holds every contract. Golden records stand in golden/, one JSON file a record; they are never changed, only added.
//
//go:embed *.json *.yaml golden
var Files embed.FS

// PhoneSubmittedV1 is the JSON Schema (2020-12) of the value of a PhoneSubmitted v1 event.
//
//go:embed phone_submitted.v1.json
var PhoneSubmittedV1 []byte

// SiteV1 is the JSON Schema (2020-12) of site.json, in which the owner of a landing page says what it says.
//
//go:embed site.v1.json
var SiteV1 []byte

// OpenAPI is the OpenAPI 3.1 document of the edge, in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
