// The payments of this tab. Each request names the tab's connection id, and the result is sent to that connection.
import { useEffect, useState } from "react";
import { io } from "socket.io-client";

import { follow, pay, session } from "./api.js";

const STORAGE_KEY = "payments";
const load = () => JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "[]");

export function usePayments(url) {
  const [payments, setPayments] = useState(load);
  const [socketId, setSocketId] = useState(null);
  const [problem, setProblem] = useState(null);

  // The response and the event may arrive in any order. A finished payment does not change again.
  const put = (payment) => setPayments((all) => {
    const known = all.find(({ id }) => id === payment.id);
    if (!known) return [payment, ...all];
    return known.status === "processing" ? all.map((one) => (one === known ? payment : one)) : all;
  });
  useEffect(() => sessionStorage.setItem(STORAGE_KEY, JSON.stringify(payments)), [payments]);

  useEffect(() => {
    const socket = io(url, { auth: (give) => session().then((mine) => give({ token: mine?.token }), () => give({})) });
    socket.on("socket-id", (id) => {
      setSocketId(id);
      setProblem(null);
      // A new connection: the backend must send the results of payments in progress here.
      for (const { id: payment, status } of load()) if (status === "processing") follow(payment, id).then(put, () => {});
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
