const socket = new WebSocket(process.argv[2].replace("http:", "ws:"));
socket.onopen = () => socket.send("one");
socket.onmessage = ({ data }) => {
	console.log(data);
	if (data === "one") socket.send("two");
	else socket.close();
};
socket.onerror = ({ message, error }) => {
	console.error(message, error);
	process.exitCode = 1;
};
