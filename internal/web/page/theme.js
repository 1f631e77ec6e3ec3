// Sets the colours before anything is drawn, so that nothing flashes.
(() => {
  try {
    const chosen = localStorage.getItem("tcpdoctor-colours");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Without storage the colours are those of the system.
  }
})();
