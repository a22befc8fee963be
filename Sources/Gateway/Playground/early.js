// Runs before the first paint, as a classic script, so that a chosen theme never flashes in the other one.
(() => {
  try {
    const choice = localStorage.getItem("prsm.theme");
    if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  } catch {
    // Storage is blocked: the system's preference stands.
  }
})();
