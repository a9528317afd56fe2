// Sets the theme before the first paint: the stored choice, or the system's preference.
(() => {
  const order = ["auto", "light", "dark"];
  const stored = () => {
    try { return localStorage.getItem("wirebell-theme") ?? "auto"; } catch { return "auto"; }
  };
  const store = (theme) => {
    try { localStorage.setItem("wirebell-theme", theme); } catch { /* private windows may reject it */ }
  };
  let theme = order.includes(stored()) ? stored() : "auto";
  const show = () => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${theme}`;
  };
  show();
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      store(theme);
      show();
    });
  });
})();
