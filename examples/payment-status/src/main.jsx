// The page: sign in, pay, and see the result.
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { session, signIn } from "./api.js";
import { usePayments } from "./usePayments.js";

const LABELS = { processing: "being processed", paid: "paid", declined: "declined" };

function App() {
  const [mine, setMine] = useState(undefined);
  useEffect(() => { session().then(setMine); }, []);
  if (mine === undefined) return null;
  return mine ? <Shop user={mine.user} url={mine.url} /> : <SignInForm onSignedIn={() => session().then(setMine)} />;
}

function SignInForm({ onSignedIn }) {
  const submit = async (event) => {
    event.preventDefault();
    await signIn(event.target.user.value);
    onSignedIn();
  };
  return (
    <section>
      <h2>Sign in</h2>
      <form onSubmit={submit}>
        <label>Name <input name="user" defaultValue="ada" required pattern="[a-z]{2,20}" autoComplete="username" data-testid="name" /></label>
        <button data-testid="sign-in">Sign in</button>
      </form>
    </section>
  );
}

function Shop({ user, url }) {
  const { payments, socketId, problem, begin } = usePayments(url);
  const [amount, setAmount] = useState("49.90");
  const submit = (event) => { event.preventDefault(); begin(amount); };
  return (
    <>
      <header>
        <h1>Pay, {user}</h1>
        <span className="connection small" data-connection={socketId ? "live" : "away"} data-testid="connection" role="status">
          {socketId ? <>live as <code data-testid="socket-id">{socketId}</code></> : "not connected"}
        </span>
      </header>
      <section>
        <h2>A payment</h2>
        <form className="pay" onSubmit={submit}>
          <label>EUR <input value={amount} onChange={(event) => setAmount(event.target.value)} inputMode="decimal" data-testid="amount" /></label>
          <button disabled={!socketId} data-testid="pay">Pay</button>
        </form>
        <p className="small soft">An amount that ends in .13 is declined.</p>
        {problem && <p className="problem" role="alert" data-testid="problem">{problem}</p>}
      </section>
      <section>
        <h2>Payments of this tab</h2>
        {payments.length === 0 && <p className="soft small">None yet.</p>}
        <ul className="events payments">
          {payments.map(({ id, amount, status }) => (
            <li key={id} data-testid="payment" data-status={status}>
              <b>{amount} EUR</b> <span className="word">{LABELS[status]}</span>
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

createRoot(document.getElementById("root")).render(<App />);
