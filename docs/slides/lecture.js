// Starts reveal.js, and shrinks the text of a slide that is too high or too wide for it.
const WIDTH = 1280;
const HEIGHT = 720;
const SMALLEST = 0.5;

function overflows(fit) {
  const style = getComputedStyle(fit);
  const wide = WIDTH - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const widest = Math.max(...[...fit.querySelectorAll("pre, table, mjx-container")]
    .map((child) => child.scrollWidth));
  return fit.scrollHeight > HEIGHT + 1 || fit.scrollWidth > WIDTH + 1 || widest > wide + 1;
}

function shrink(fit) {
  for (let size = 1; size >= SMALLEST; size -= 0.04) {
    fit.style.fontSize = `${size}em`;
    fit.dataset.size = size.toFixed(2);
    if (!overflows(fit)) return;
  }
}

const deck = new Reveal({
  width: WIDTH,
  height: HEIGHT,
  margin: 0,
  center: false,
  hash: true,
  slideNumber: "c/t",
  transition: "none",
  viewDistance: 1000, // all slides are laid out, so that all can be measured
  mobileViewDistance: 1000,
  plugins: [RevealNotes],
});

deck.initialize().then(() => MathJax.startup.promise).then(async () => {
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  document.querySelectorAll(".fit").forEach(shrink);
  document.documentElement.dataset.ready = "yes";
});
