// The payments of this tab. Each goes out with the tab's connection id, to which the answer comes back.
import { useEffect, useState } from "react";
import { io } from "socket.io-client";

import { follow, pay, session } from "./api.js";

const KEPT = "payments";
const kept = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");

export function usePayments(url) {
  const [payments, setPayments] = useState(kept);
  const [socketId, setSocketId] = useState(null);
  const [problem, setProblem] = useState(null);

  // What is done stays done, whichever comes last: the answer to a request, or the event.
  const put = (payment) => setPayments((all) => {
    const known = all.find(({ id }) => id === payment.id);
    if (!known) return [payment, ...all];
    return known.status === "processing" ? all.map((one) => (one === known ? payment : one)) : all;
  });
  useEffect(() => sessionStorage.setItem(KEPT, JSON.stringify(payments)), [payments]);

  useEffect(() => {
    const socket = io(url, { auth: (give) => session().then((mine) => give({ token: mine?.token }), () => give({})) });
    socket.on("socket-id", (id) => {
      setSocketId(id);
      setProblem(null);
      // A new connection: what this tab still waits for has to come here.
      for (const { id: payment, status } of kept()) if (status === "processing") follow(payment, id).then(put, () => {});
    });
    socket.on("payment-status", put);
    socket.on("disconnect", () => setSocketId(null));
    socket.on("connect_error", (error) => setProblem(error.message));
    return () => socket.disconnect();
  }, [url]);

  const begin = async (amount) => {
    setProblem(null);
    try {
      put(await pay(amount, socketId));
    } catch (error) {
      setProblem(error.message);
    }
  };
  return { payments, socketId, problem, begin };
}
