const find = document.querySelector("#find");
const found = document.querySelector("#found");
const markets = [...document.querySelectorAll(".markets > li")].map((item) => {
  const series = item.closest(".series");
  const event = item.closest("section.of-event");
  const text = [series.dataset.name, event.querySelector(".event").textContent, item.textContent].join(" ");
  return { item, event, series, text: text.toLowerCase() };
});
const groups = new Set(markets.flatMap((market) => [market.event, market.series]));
const opened = new Map([...document.querySelectorAll(".series")].map((series) => [series, series.open]));
find.addEventListener("input", () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const group of groups) group.classList.toggle("hidden", words.length > 0);
  let hits = 0;
  for (const { item, event, series, text } of markets) {
    const hit = words.every((word) => text.includes(word));
    item.classList.toggle("hidden", !hit);
    if (!hit || words.length === 0) continue;
    hits += 1;
    event.classList.remove("hidden");
    series.classList.remove("hidden");
  }
  for (const [series, open] of opened) series.open = words.length > 0 ? hits <= 2000 : open;
  found.textContent = words.length > 0 ? `${hits} of ${markets.length} markets` : "";
});
