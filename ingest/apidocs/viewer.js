// Nothing can be sent from the viewer but what only reads: a number that is tried out here would be a lead.
SwaggerUIBundle({
  url: document.getElementById('viewer').dataset.schema,
  dom_id: '#viewer',
  supportedSubmitMethods: ['get'],
  validatorUrl: null,
});
