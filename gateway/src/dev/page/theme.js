// The theme, before the first paint: what the system prefers, unless a choice is remembered.
(() => {
  const order = ["auto", "light", "dark"];
  const remembered = () => {
    try { return localStorage.getItem("wirebell-theme") ?? "auto"; } catch { return "auto"; }
  };
  const remember = (theme) => {
    try { localStorage.setItem("wirebell-theme", theme); } catch { /* private windows may refuse */ }
  };
  let theme = order.includes(remembered()) ? remembered() : "auto";
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
      remember(theme);
      show();
    });
  });
})();
