"""The page's behavior: light and dark, and the values under the pointer or the arrow keys."""

SCRIPT = """
(() => {
  const root = document.documentElement, tip = document.getElementById('tip');
  const run = JSON.parse(document.getElementById('values').textContent);
  const [left, right, width] = run.edges, last = run.times.length - 1;
  const charts = [...document.querySelectorAll('svg[data-chart]')];
  const button = document.getElementById('theme');
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const label = () => { button.textContent = isDark() ? 'Light' : 'Dark'; };
  const wanted = location.hash.slice(1);
  if (wanted === 'dark' || wanted === 'light') root.dataset.theme = wanted;
  button.onclick = () => { root.dataset.theme = isDark() ? 'light' : 'dark'; label(); };
  label();
  let at = -1;
  const nearest = (seconds) => {
    let low = 0, high = last;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (run.times[middle] > seconds) high = middle; else low = middle;
    }
    return seconds - run.times[low] <= run.times[high] - seconds ? low : high;
  };
  const write = (value, unit) => value === null ? 'unknown'
    : value.toLocaleString('en-US', {maximumFractionDigits: value >= 100 ? 0 : 1}) + unit;
  const show = (svg, x, y) => {
    const share = (run.times[at] - run.times[0]) / (run.times[last] - run.times[0]);
    for (const other of charts) {
      const line = other.querySelector('.cursor');
      line.setAttribute('x1', left + share * (right - left));
      line.setAttribute('x2', left + share * (right - left));
    }
    const chart = run.charts[svg.dataset.chart];
    tip.replaceChildren();
    tip.append(Object.assign(document.createElement('b'), {textContent: run.labels[at]}));
    for (const row of chart.rows) {
      const line = document.createElement('div'), key = document.createElement('span');
      key.className = 'key ' + row.color;
      const amount = document.createElement('i');
      amount.textContent = write(row.values[at], chart.unit);
      line.append(key, row.label, amount);
      tip.append(line);
    }
    tip.style.display = 'block';
    const box = tip.getBoundingClientRect();
    tip.style.left = (x + 18 + box.width > innerWidth ? x - 18 - box.width : x + 18) + 'px';
    tip.style.top = Math.min(Math.max(8, y - box.height / 2), innerHeight - box.height - 8) + 'px';
  };
  const hide = () => {
    tip.style.display = 'none';
    for (const svg of charts) {
      svg.querySelector('.cursor').setAttribute('x1', -9);
      svg.querySelector('.cursor').setAttribute('x2', -9);
    }
  };
  for (const svg of charts) {
    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * width;
      const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
      at = nearest(run.times[0] + share * (run.times[last] - run.times[0]));
      show(svg, event.clientX, event.clientY);
    });
    svg.addEventListener('pointerleave', hide);
    svg.addEventListener('blur', hide);
    svg.addEventListener('keydown', (event) => {
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!step) return;
      event.preventDefault();
      const from = at < 0 ? last >> 1 : at;
      at = Math.min(last, Math.max(0, from + step * (event.shiftKey ? 10 : 1)));
      const box = svg.getBoundingClientRect();
      const share = (run.times[at] - run.times[0]) / (run.times[last] - run.times[0]);
      show(svg, box.left + (left + share * (right - left)) / width * box.width,
        box.top + box.height / 2);
    });
  }
})();
"""
