// Package schemas holds the contracts that leadlog keeps with everybody else: the JSON Schema of the event, the AsyncAPI
// document of the topics and golden records of every version that was ever written.
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
