(() => {
  const find = what => document.querySelector(what)
  const form = find('form'), fields = form.elements, error = find('#phone-error')
  const link = find('[hreflang]'), query = new URLSearchParams(location.search)
  let busy = false

  // The campaign survives a change of the language.
  query.set('lang', link.hreflang)
  link.search = query

  // One variant a visit, drawn by the shares before the first paint. A template holds what differs from the first one.
  const all = [form, ...document.querySelectorAll('template')]
  let at = Math.random() * all.reduce((sum, one) => sum + +one.dataset.share, 0)
  const drawn = all.find(one => (at -= one.dataset.share) < 0)
  // Called again before it is sent: browsers bring hidden fields back as they were before a reload.
  const name = () => drawn && (fields.variant.value = drawn.dataset.name)
  if (name() && drawn != form) {
    for (const part of [...drawn.content.children]) find(`[data-slot=${part.dataset.slot}]`).replaceWith(part)
    document.title = find('h1').textContent
  }

  const wait = on => {
    busy = on
    find('button').setAttribute('aria-disabled', on)
  }
  const tell = (code, aboutPhone) => {
    const messages = JSON.parse(find('#messages').textContent)
    wait(false)
    error.textContent = messages[code] || messages.failed
    fields.phone.setAttribute('aria-invalid', !!aboutPhone)
    fields.phone.focus()
  }

  form.addEventListener('submit', event => {
    if (busy) return event.preventDefault()
    name()
    const from = document.referrer, key = fields.idempotency_key, abort = new AbortController()
    if (from && !from.startsWith(location.origin + '/')) fields.referrer.value = from
    // The key stays until there is an ack: whatever is sent again is the same lead.
    key.value = key.value || crypto.getRandomValues(new Uint32Array(4)).join('-')
    const sent = fetch(form.action, {
      method: 'POST', headers: { Accept: 'application/json' }, body: new URLSearchParams(new FormData(form)), signal: abort.signal
    })
    // Whatever threw before this line has left the post to the browser.
    event.preventDefault()
    wait(true)
    error.textContent = ''
    const timer = setTimeout(() => abort.abort(), 20000)
    sent.then(answer => {
      if (!answer.ok) return answer.json().then(problem => tell(problem.error, problem.phone))
      key.value = ''
      location.href = form.dataset.thanks
    }).catch(() => tell('network')).then(() => clearTimeout(timer))
  })

  addEventListener('pageshow', event => event.persisted && wait(false))
})()
